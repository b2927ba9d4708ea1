import type { PeerName } from './peers/peer.ts'
import { type QueryName, queryNames } from './queries.ts'
import type { Results } from './results.ts'
import { median } from './statistics.ts'

export interface Verdict {
  target: string
  /** Nexus against the peer; above 1 is more (of requests, of time, of bytes). */
  ratio: number
  met: boolean
}

/** Nexus against what it set out to reach; a target whose systems did not both run is left out. */
export function verdictsOf(results: Results): Verdict[] {
  const single = (peer: PeerName) => median((results.single[peer] ?? []).map((one) => one.requestsPerSecond))
  const batch = (peer: PeerName) => median((results.batch[peer] ?? []).map((one) => one.framesPerSecond))
  const disk = (peer: PeerName) => results.footprint[peer]?.diskBytes ?? Number.NaN
  const query = (name: QueryName) => (peer: PeerName) => results.query?.[name][peer]?.p50Ms ?? Number.NaN
  const atLeast = (what: string, of: (peer: PeerName) => number, peer: PeerName, bound: number) =>
    verdict(`${what}: at least ${bound} × ${peer}`, of('nexus') / of(peer), (ratio) => ratio >= bound)
  const atMost = (what: string, of: (peer: PeerName) => number, peer: PeerName, bound: number) =>
    verdict(`${what}: at most ${bound} × ${peer}`, of('nexus') / of(peer), (ratio) => ratio <= bound)
  return [
    atLeast('(a) requests/s, one frame each', single, 'influxdb', 1.2),
    atLeast('(a) requests/s, one frame each', single, 'victoria-metrics', 0.8),
    atLeast('(b) frames/s, a thousand a request', batch, 'influxdb', 1),
    ...queryNames.map((name) => atMost(`(c) ${name} p50`, query(name), 'influxdb', 1)),
    ...(['q3', 'q4', 'q6'] as const).map((name) => atMost(`(c) ${name} p50`, query(name), 'victoria-metrics', 1)),
    atMost('(d) bytes on disk', disk, 'victoria-metrics', 3),
  ].filter(({ ratio }) => !Number.isNaN(ratio))
}

function verdict(target: string, ratio: number, isMet: (ratio: number) => boolean): Verdict {
  return { target, ratio, met: isMet(ratio) }
}
