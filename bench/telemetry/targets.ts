import { median } from '../harness/statistics.ts'
import { atLeast, atMost, type Verdict } from '../harness/verdict.ts'
import type { PeerName } from './peers/peer.ts'
import { type QueryName, queryNames } from './queries.ts'
import type { Results } from './results.ts'

/** Nexus against what it set out to reach; a target whose systems did not both run is left out. */
export function verdictsOf(results: Results): Verdict[] {
  const single = (peer: PeerName) => median((results.single[peer] ?? []).map((one) => one.requestsPerSecond))
  const batch = (peer: PeerName) => median((results.batch[peer] ?? []).map((one) => one.framesPerSecond))
  const disk = (peer: PeerName) => results.footprint[peer]?.diskBytes ?? Number.NaN
  const query = (name: QueryName) => (peer: PeerName) => results.query?.[name][peer]?.p50Ms ?? Number.NaN
  const more = (what: string, of: (peer: PeerName) => number, peer: PeerName, bound: number) =>
    atLeast(`${what}: at least ${bound} × ${peer}`, of('nexus') / of(peer), bound)
  const less = (what: string, of: (peer: PeerName) => number, peer: PeerName, bound: number) =>
    atMost(`${what}: at most ${bound} × ${peer}`, of('nexus') / of(peer), bound)
  return [
    more('(a) requests/s, one frame each', single, 'influxdb', 1.2),
    more('(a) requests/s, one frame each', single, 'victoria-metrics', 0.8),
    more('(b) frames/s, a thousand a request', batch, 'influxdb', 1),
    ...queryNames.map((name) => less(`(c) ${name} p50`, query(name), 'influxdb', 1)),
    ...(['q3', 'q4', 'q6'] as const).map((name) => less(`(c) ${name} p50`, query(name), 'victoria-metrics', 1)),
    less('(d) bytes on disk', disk, 'victoria-metrics', 3),
  ].filter(({ ratio }) => !Number.isNaN(ratio))
}
