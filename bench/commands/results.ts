import { type Machine, thisMachine } from '../harness/machine.ts'
import { median } from '../harness/statistics.ts'
import type { JobRates } from './jobs.ts'
import type { BenchOptions } from './options.ts'
import type { Mode, PeerName } from './peers/peer.ts'

/** Everything that a run found, repetition by repetition. */
export interface Results {
  at: string
  machine: Machine
  settings: { repetitions: number; windowSeconds: number; backlog: number; modes: Mode[]; postgres: string }
  systems: { name: PeerName; version: string; description: string }[]
  jobs: Partial<Record<PeerName, (JobRates & Mode)[]>>
}

export function emptyResults(options: BenchOptions, postgres: string): Results {
  const { repetitions, windowSeconds, backlog, modes } = options
  return {
    at: new Date().toISOString(),
    machine: thisMachine(),
    settings: { repetitions, windowSeconds, backlog, modes, postgres },
    systems: options.peers.map(({ name, version, description }) => ({ name, version: version(), description })),
    jobs: Object.fromEntries(options.peers.map(({ name }) => [name, []])),
  }
}

/** Of the repetitions; NaN: there are none. */
export function medianRate(results: Results, name: PeerName, { clients, batch }: Mode, field: keyof JobRates): number {
  const runs = (results.jobs[name] ?? []).filter((run) => run.clients === clients && run.batch === batch)
  return median(runs.map((run) => run[field]))
}
