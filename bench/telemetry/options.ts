import { parseArgs } from 'node:util'
import { chosen, positive } from '../harness/option-values.ts'
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
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      systems: text,
      parts: text,
      hours: text,
      repetitions: text,
      window: text,
      queries: text,
      quiet: text,
      'work-dir': text,
      'write-docs': { type: 'boolean', default: false },
    },
  })
  const defaults = values.quick ? quick : full
  return {
    peers: chosen('--systems', values.systems, peers, (peer) => peer.name),
    parts: new Set(chosen('--parts', values.parts, parts, (part) => part)),
    hours: positive('--hours', values.hours, defaults.hours),
    repetitions: positive('--repetitions', values.repetitions, defaults.repetitions),
    windowSeconds: positive('--window', values.window, defaults.window),
    queryRepetitions: positive('--queries', values.queries, defaults.queries),
    quietSeconds: positive('--quiet', values.quiet, defaults.quiet),
    writeDocs: values['write-docs'],
    workDir: values['work-dir'],
  }
}
