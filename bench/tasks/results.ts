import { type Machine, thisMachine } from '../harness/machine.ts'
import { median } from '../harness/statistics.ts'
import type { Delays, Dispatched } from './dispatch.ts'
import type { ScheduleMemory } from './memory.ts'
import type { BenchOptions } from './options.ts'
import type { PeerName } from './peers/peer.ts'

/** What is measured of every system. */
export const measures = ['steady', 'saturated', 'together', 'schedules'] as const
export type Measure = (typeof measures)[number]

/** Everything that a run found, repetition by repetition. */
export interface Results {
  at: string
  machine: Machine
  settings: { repetitions: number; windowSeconds: number; together: number; postgres: string }
  systems: { name: PeerName; version: string; description: string }[]
  found: Record<Measure, Partial<Record<PeerName, (Delays | Dispatched)[]>>>
  memory: ScheduleMemory[]
}

export function emptyResults(options: BenchOptions, postgres: string): Results {
  const { repetitions, windowSeconds, together } = options
  return {
    at: new Date().toISOString(),
    machine: thisMachine(),
    settings: { repetitions, windowSeconds, together, postgres },
    systems: options.peers.map(({ name, version, description }) => ({ name, version: version(), description })),
    found: { steady: {}, saturated: {}, together: {}, schedules: {} },
    memory: [],
  }
}

/** Of the repetitions; NaN: there are none. */
export function medianOf(results: Results, measure: Measure, name: PeerName, field: keyof Dispatched): number {
  const found = results.found[measure][name] ?? []
  return median(
    found.map((one) => ('runsPerSecond' in one || field !== 'runsPerSecond' ? (one as Dispatched)[field] : Number.NaN)),
  )
}
