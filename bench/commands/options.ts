import { parseArgs } from 'node:util'
import { chosen, positive } from '../harness/option-values.ts'
import { bullmq } from './peers/bullmq.ts'
import { graphileWorker } from './peers/graphile-worker.ts'
import { nexusPostgres, nexusSqlite } from './peers/nexus.ts'
import type { Mode, Peer } from './peers/peer.ts'
import { pgBoss } from './peers/pg-boss.ts'

export interface BenchOptions {
  peers: Peer[]
  parts: Set<Part>
  modes: Mode[]
  repetitions: number
  windowSeconds: number
  /** How many jobs wait when work begins. */
  backlog: number
  /** A PostgreSQL on which databases may be made. */
  postgres: string
  writeDocs: boolean
  /** Where the data folders are made; the system's temporary folder unless told. */
  workDir: string | undefined
}

const parts = ['jobs'] as const
export type Part = (typeof parts)[number]

const peers: Peer[] = [nexusSqlite, bullmq, nexusPostgres, pgBoss, graphileWorker]
/** One at a time, and in batches. */
const modes: Mode[] = [
  { clients: 32, batch: 1 },
  { clients: 8, batch: 50 },
]

const full = { repetitions: 3, window: 3, backlog: 20_000 }
const quick = { repetitions: 1, window: 1, backlog: 5000 }

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
      backlog: text,
      postgres: text,
      'work-dir': text,
      'write-docs': { type: 'boolean', default: false },
    },
  })
  const defaults = values.quick ? quick : full
  return {
    peers: chosen('--systems', values.systems, peers, (peer) => peer.name),
    parts: new Set(chosen('--parts', values.parts, parts, (part) => part)),
    modes,
    repetitions: positive('--repetitions', values.repetitions, defaults.repetitions),
    windowSeconds: positive('--window', values.window, defaults.window),
    backlog: positive('--backlog', values.backlog, defaults.backlog),
    postgres: values.postgres ?? 'postgres://postgres@127.0.0.1:5432/test',
    writeDocs: values['write-docs'],
    workDir: values['work-dir'],
  }
}
