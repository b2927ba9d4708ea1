import { atMost, type Verdict } from '../harness/verdict.ts'
import type { PeerName } from './peers/peer.ts'
import { medianOf, type Results } from './results.ts'

const peers: PeerName[] = ['bullmq', 'pg-boss', 'graphile-worker']

/** Nexus against what it set out to reach; a target whose systems did not both run is left out. */
export function verdictsOf(results: Results): Verdict[] {
  const ratio = (measure: 'steady' | 'saturated' | 'schedules', field: 'p95Ms' | 'p99Ms', peer: PeerName) =>
    medianOf(results, measure, 'nexus', field) / medianOf(results, measure, peer, field)
  return [
    ...peers.map((peer) => atMost(`dispatch p95 at 20 runs/s: less than ${peer}`, ratio('steady', 'p95Ms', peer), 1)),
    ...peers.map((peer) => atMost(`dispatch p95, saturated: less than ${peer}`, ratio('saturated', 'p95Ms', peer), 1)),
    atMost(
      'schedules due at once, p99 of the drift: less than graphile-worker',
      ratio('schedules', 'p99Ms', 'graphile-worker'),
      1,
    ),
  ].filter(({ ratio }) => !Number.isNaN(ratio))
}
