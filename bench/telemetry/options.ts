import { benchArguments } from '../harness/bench-arguments.ts'
import { influxdb } from './peers/influxdb.ts'
import { nexus } from './peers/nexus.ts'
import type { Peer } from './peers/peer.ts'
import { victoriaMetrics } from './peers/victoria-metrics.ts'

export interface BenchOptions {
  peers: Peer[]
  parts: Set<Part>
  /** How much history is loaded. */
  hours: number
  /** Of (a) and (b). */
  repetitions: number
  /** Of (a). */
  windowSeconds: number
  /** Of each query, for each system. */
  queryRepetitions: number
  /** How long a data folder must keep its size before it is measured and asked. */
  quietSeconds: number
  writeDocs: boolean
  /** Where the data folders are made; the system's temporary folder unless told. */
  workDir: string | undefined
}

const parts = ['single', 'batch', 'query'] as const
export type Part = (typeof parts)[number]

const peers: Peer[] = [nexus, influxdb, victoriaMetrics]

const full = { hours: 72, repetitions: 5, window: 10, queries: 200, quiet: 60 }
const quick = { hours: 2, repetitions: 2, window: 3, queries: 40, quiet: 15 }

export function benchOptions(args: string[]): BenchOptions {
  const { systems, amounts, ...told } = benchArguments(args, { systems: peers, parts, full, quick })
  return {
    peers: systems,
    parts: told.parts,
    hours: amounts.hours,
    repetitions: amounts.repetitions,
    windowSeconds: amounts.window,
    queryRepetitions: amounts.queries,
    quietSeconds: amounts.quiet,
    writeDocs: told.writeDocs,
    workDir: told.workDir,
  }
}
