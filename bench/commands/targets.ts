import { atLeast, atMost, type Verdict } from '../harness/verdict.ts'
import type { JobRates } from './jobs.ts'
import type { Mode, PeerName } from './peers/peer.ts'
import { medianRate, medianTrip, type Results, type RoundTrips } from './results.ts'

export const fields = ['addedPerSecond', 'donePerSecond'] as const satisfies (keyof JobRates)[]

/** Nexus against what it set out to reach; a target whose systems did not both run is left out. */
export function verdictsOf(results: Results): Verdict[] {
  const ahead = (nexus: PeerName, peer: PeerName) =>
    results.settings.modes.flatMap((mode) =>
      fields.map((field) => {
        const rate = (name: PeerName) => medianRate(results, name, mode, field)
        return atLeast(`${titleOf(mode, field)}, ${nexus}: more than ${peer}`, rate(nexus) / rate(peer), 1)
      }),
    )
  return [
    ...ahead('nexus-sqlite', 'bullmq'),
    ...ahead('nexus-sqlite', 'pg-boss'),
    ...ahead('nexus-sqlite', 'graphile-worker'),
    ...ahead('nexus-postgres', 'pg-boss'),
  ].filter(({ ratio }) => !Number.isNaN(ratio))
}

export function titleOf({ clients, batch }: Mode, field: keyof JobRates): string {
  const what = field === 'addedPerSecond' ? 'added' : 'claimed and completed'
  return `jobs/s ${what}, ${clients} clients, ${batch === 1 ? 'one' : batch} at a time`
}

const slowerMax = 3

/** Our durable round trip beside one of which nothing is durable. */
export function tripVerdictsOf(found: RoundTrips): Verdict[] {
  return found.settings.inFlight
    .map((inFlight) => {
      const p50 = (name: 'nexus' | 'mosquitto') => medianTrip(found, name, inFlight, 'p50Ms')
      const target = `round trip p50, ${inFlight} in flight, nexus: at most ${slowerMax} × mosquitto`
      return atMost(target, p50('nexus') / p50('mosquitto'), slowerMax)
    })
    .filter(({ ratio }) => !Number.isNaN(ratio))
}
