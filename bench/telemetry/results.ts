import { type Machine, thisMachine } from '../harness/machine.ts'
import type { Memory } from '../harness/process-memory.ts'
import type { Agreement } from './agreement.ts'
import type { BatchResult } from './batches.ts'
import type { BenchOptions } from './options.ts'
import type { PeerName } from './peers/peer.ts'
import type { QueryResults } from './query-latency.ts'
import type { SingleResult } from './single-frames.ts'

export interface Footprint {
  diskBytes: number
  /** How long the folder took to come to rest. */
  settledMs: number
  memory: Memory
}

/** Everything that a run found, repetition by repetition. */
export interface Results {
  at: string
  machine: Machine
  settings: {
    hours: number
    repetitions: number
    windowSeconds: number
    queryRepetitions: number
    quietSeconds: number
  }
  systems: { name: PeerName; version: string; durability: string }[]
  single: Partial<Record<PeerName, SingleResult[]>>
  batch: Partial<Record<PeerName, BatchResult[]>>
  footprint: Partial<Record<PeerName, Footprint>>
  query?: QueryResults
  agreement?: Agreement
}

export function emptyResults(options: BenchOptions): Results {
  const { hours, repetitions, windowSeconds, queryRepetitions, quietSeconds } = options
  const lists = () => Object.fromEntries(options.peers.map((peer) => [peer.name, []]))
  return {
    at: new Date().toISOString(),
    machine: thisMachine(),
    settings: { hours, repetitions, windowSeconds, queryRepetitions, quietSeconds },
    systems: options.peers.map((peer) => ({
      name: peer.name,
      version: peer.version(),
      durability: peer.durability,
    })),
    single: lists(),
    batch: lists(),
    footprint: {},
  }
}
