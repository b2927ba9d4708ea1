import { type Machine, thisMachine } from '../harness/machine.ts'
import { median } from '../harness/statistics.ts'
import type { DiskSync } from './disk-probe.ts'
import type { JobRates } from './jobs.ts'
import type { BenchOptions } from './options.ts'
import type { Mode, PeerName } from './peers/peer.ts'
import type { Trip, TripLoad } from './round-trip.ts'
import type { TripName } from './trips/trip.ts'

/** Everything that a run found, repetition by repetition. */
export interface Results {
  at: string
  machine: Machine
  settings: { repetitions: number; windowSeconds: number; backlog: number; modes: Mode[]; postgres: string }
  systems: { name: PeerName; version: string; description: string }[]
  jobs: Partial<Record<PeerName, (JobRates & Mode)[]>>
  roundTrip: RoundTrips
}

export interface RoundTrips {
  settings: TripLoad & { pinned: boolean }
  systems: { name: TripName; version: string; description: string }[]
  trips: Partial<Record<TripName, Trip[]>>
  /** One for each repetition. */
  disk: DiskSync[]
}

export function emptyResults(options: BenchOptions, postgres: string): Results {
  const { repetitions, windowSeconds, backlog, modes } = options
  return {
    at: new Date().toISOString(),
    machine: thisMachine(),
    settings: { repetitions, windowSeconds, backlog, modes, postgres },
    systems: options.peers.map(({ name, version, description }) => ({ name, version: version(), description })),
    jobs: Object.fromEntries(options.peers.map(({ name }) => [name, []])),
    roundTrip: { settings: { ...options.trips, pinned: false }, systems: [], trips: {}, disk: [] },
  }
}

/** Of the repetitions; NaN: there are none. */
export function medianRate(results: Results, name: PeerName, { clients, batch }: Mode, field: keyof JobRates): number {
  const runs = (results.jobs[name] ?? []).filter((run) => run.clients === clients && run.batch === batch)
  return median(runs.map((run) => run[field]))
}

/** The same of round trips. */
export function medianTrip({ trips }: RoundTrips, name: TripName, inFlight: number, field: keyof Trip): number {
  return median((trips[name] ?? []).filter((trip) => trip.inFlight === inFlight).map((trip) => trip[field]))
}
