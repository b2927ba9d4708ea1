import { median } from '../harness/statistics.ts'
import { atLeast, atMost, type Verdict } from '../harness/verdict.ts'
import type { FanOut } from './fan-out.ts'
import { idleKinds } from './idle-connections.ts'
import type { PeerName } from './peers/peer.ts'
import { type Case, casesOf, type Results } from './results.ts'

/** Nexus against what it set out to reach; a target whose systems did not both run is left out. */
export function verdictsOf(results: Results): Verdict[] {
  const faster = (one: Case, nexus: PeerName, peer: PeerName, bound: number) => {
    const rate = (name: PeerName) => medianOf(results, name, one, 'deliveriesPerSecond')
    return atLeast(`${titleOf(one)}, ${nexus}: at least ${bound} × ${peer}`, rate(nexus) / rate(peer), bound)
  }
  const smaller = (nexus: PeerName, peer: PeerName, bound: number) =>
    idleKinds.map((kind) => {
      const bytes = (name: PeerName) => results.idle[name]?.[kind]?.rssBytesEach ?? Number.NaN
      const title = `bytes an idle connection, ${kind}, ${nexus}: at most ${bound} × ${peer}`
      return atMost(title, bytes(nexus) / bytes(peer), bound)
    })
  return [
    ...casesOf(results.settings).flatMap((one) => [
      faster(one, 'nexus-websocket', 'bare-ws', 0.9),
      faster(one, 'nexus-websocket', 'socket.io', 1.2),
      faster(one, 'nexus-sse', 'bare-sse', 0.7),
    ]),
    ...smaller('nexus-websocket', 'bare-ws', 1.5),
    ...smaller('nexus-sse', 'bare-sse', 1.5),
  ].filter(({ ratio }) => !Number.isNaN(ratio))
}

export function titleOf({ batch, subscribers }: Case): string {
  const published = batch === 1 ? 'one' : batch.toLocaleString('en')
  return `deliveries/s to ${subscribers.toLocaleString('en')}, ${published} at a time`
}

/** Of the repetitions of a case; NaN: there are none. */
export function medianOf(results: Results, name: PeerName, { batch, subscribers }: Case, field: keyof FanOut): number {
  const runs = (results.fanOut[name] ?? []).filter((run) => run.batch === batch && run.subscribers === subscribers)
  return median(runs.map((run) => run[field]))
}
