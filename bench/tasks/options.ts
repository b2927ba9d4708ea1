import { benchArguments } from '../harness/bench-arguments.ts'
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
  const texts = ['postgres'] as const
  const { systems, amounts, ...told } = benchArguments(args, { systems: peers, parts, full, quick, texts })
  return {
    peers: systems,
    parts: told.parts,
    repetitions: amounts.repetitions,
    windowSeconds: amounts.window,
    together: amounts.together,
    leadMs: amounts.lead,
    idle: amounts.idle,
    postgres: told.texts.postgres ?? 'postgres://postgres@127.0.0.1:5432/test',
    writeDocs: told.writeDocs,
    workDir: told.workDir,
  }
}
