import { parseArgs } from 'node:util'
import { chosen, positive } from '../harness/option-values.ts'
import { bullmq } from './peers/bullmq.ts'
import { graphileWorker } from './peers/graphile-worker.ts'
import { nexus } from './peers/nexus.ts'
import type { Peer } from './peers/peer.ts'
import { pgBoss } from './peers/pg-boss.ts'

export interface BenchOptions {
  peers: Peer[]
  parts: Set<Part>
  repetitions: number
  windowSeconds: number
  /** How many runs are due together, and how many schedules. */
  together: number
  /** How long adding them may take. */
  leadMs: number
  /** How many schedules wait while memory is looked at. */
  idle: number
  /** A PostgreSQL on which databases may be made. */
  postgres: string
  writeDocs: boolean
  /** Where the data folders are made; the system's temporary folder unless told. */
  workDir: string | undefined
}

const parts = ['steady', 'saturated', 'together', 'schedules', 'memory'] as const
export type Part = (typeof parts)[number]

const peers: Peer[] = [nexus, bullmq, pgBoss, graphileWorker]
const full = { repetitions: 3, window: 10, together: 10_000, lead: 20_000, idle: 50_000 }
const quick = { repetitions: 1, window: 2, together: 500, lead: 3000, idle: 1000 }

export function benchOptions(args: string[]): BenchOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      systems: text,
      parts: text,
      repetitions: text,
      window: text,
      together: text,
      idle: text,
      postgres: text,
      'work-dir': text,
      'write-docs': { type: 'boolean', default: false },
    },
  })
  const defaults = values.quick ? quick : full
  return {
    peers: chosen('--systems', values.systems, peers, ({ name }) => name),
    parts: new Set(chosen('--parts', values.parts, parts, (part) => part)),
    repetitions: positive('--repetitions', values.repetitions, defaults.repetitions),
    windowSeconds: positive('--window', values.window, defaults.window),
    together: positive('--together', values.together, defaults.together),
    leadMs: defaults.lead,
    idle: positive('--idle', values.idle, defaults.idle),
    postgres: values.postgres ?? 'postgres://postgres@127.0.0.1:5432/test',
    writeDocs: values['write-docs'],
    workDir: values['work-dir'],
  }
}
