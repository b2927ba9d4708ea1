import { join } from 'node:path'
import { idSequence } from '../../../packages/server/src/core/ids.ts'
import {
  createWorkStore,
  openState,
  type StateEngine,
  type StateOptions,
} from '../../../packages/server/src/storage/state/index.ts'
import {
  createWork,
  type NewWork,
  type OnChange,
  type Report,
  type WorkItem,
} from '../../../packages/server/src/work/index.ts'
import { nexusVersion } from '../../harness/nexus-source.ts'
import type { JobQueue, Mode, Peer } from './peer.ts'

export const nexusSqlite: Peer = {
  name: 'nexus-sqlite',
  description: 'the work engine in this process over SQLite; each commit is synced (`synchronous=FULL`)',
  version: nexusVersion,
  open: async ({ dir }, mode) => openQueue(mode, { file: join(dir, 'state.db') }),
}

export const nexusPostgres: Peer = {
  name: 'nexus-postgres',
  description: 'the work engine in this process over PostgreSQL',
  version: nexusVersion,
  open: async ({ postgresUrl }, mode) =>
    openQueue(mode, { url: await postgresUrl(), connectionsMax: connectionsOf(mode) }),
}

/** Of every client of PostgreSQL here. */
export function connectionsOf({ clients }: Mode): number {
  return Math.min(clients, 10)
}

const newJobId = idSequence('job')
const queue = { kind: 'task', queue: 'bench' } as const

/** What a room would do: keep a record of its own for each item, in the same transaction, and read it for the worker. */
async function openQueue({ clients, batch }: Mode, options: StateOptions): Promise<JobQueue> {
  const state = await openState(options)
  const jobs = await openJobs(state)
  const store = createWorkStore(state, Date.now)
  const onChange: OnChange = async (tx, changes) => {
    const begun = changes.filter(({ before, after }) => before?.state === 'pending' && after.state === 'running')
    if (begun.length > 0)
      await jobs.read(
        tx,
        begun.map(({ after }) => after.id),
      )
  }
  const fatal = (cause: unknown) => {
    throw cause
  }
  const work = createWork({
    store,
    now: Date.now,
    rooms: { command: { onChange }, task: { onChange }, ai: { onChange } },
    onError: fatal,
  })
  work.start()
  return {
    async add(payloads) {
      const added = payloads.map((payload) => ({ id: newJobId(), payload }))
      await store.write(async (tx) => {
        await jobs.insert(tx, added)
        await work.enqueue(tx, added.map(newWork))
      })
    },
    async work(done) {
      const stopped = new AbortController()
      const client = async (_: unknown, i: number) => {
        while (!stopped.signal.aborted) {
          const items = await work.lease({ queues: [queue], worker: `w${i}`, max: batch }, stopped.signal)
          if (items.length === 0) continue
          await store.write((tx) => work.report(tx, items.map(completed)))
          done(items.length)
        }
      }
      const running = Promise.all(Array.from({ length: clients }, client))
      return {
        async stop() {
          stopped.abort()
          await running
        },
      }
    },
    remaining: () => jobs.remaining(),
    async close() {
      await work.stop()
      await state.close()
    },
  }
}

function newWork({ id }: { id: string }): NewWork {
  return {
    ...{
      id,
      ...queue,
      priority: 'normal',
      fairKey: 'bench',
      orderingKey: null,
      traceId: '0'.repeat(32),
      causeId: null,
    },
    retry: { attemptsMax: 3, on: ['error'], initialDelayMs: 1000, multiplier: 2, maxDelayMs: 60_000, jitter: 0 },
    ...{ leaseMs: 30_000, attemptMs: null, startBy: null, notBefore: null, waitingFor: null },
  }
}

function completed({ id, leaseToken }: WorkItem): Report {
  return { kind: 'completed', id, leaseToken: leaseToken! }
}

type Tx = Parameters<Parameters<StateEngine['write']>[0]>[0]
interface Job {
  id: string
  payload: string
}

/** The payloads, in a table of their own. */
async function openJobs(state: StateEngine) {
  const sqlite = state.kind === 'sqlite'
  const insertAll = sqlite
    ? 'insert into bench_jobs (id, payload) values (?, ?)'
    : 'insert into bench_jobs select * from json_populate_recordset(null::bench_jobs, $1)'
  const read = `select payload from bench_jobs where id ${sqlite ? '= ?' : '= any($1::text[])'}`
  await state.write((tx) => state.run(tx, 'create table bench_jobs (id text primary key, payload text not null)', []))
  return {
    async insert(tx: Tx, jobs: Job[]) {
      if (!sqlite) await state.send(tx, insertAll, [JSON.stringify(jobs)])
      else for (const { id, payload } of jobs) await state.send(tx, insertAll, [id, payload])
    },
    async read(tx: Tx, ids: string[]) {
      const asked = sqlite ? ids : [ids]
      for (const parameter of asked) await state.run(tx, read, [parameter])
    },
    async remaining() {
      const count = "select count(*) as count from work where state <> 'completed'"
      const [row] = await state.run<{ count: number }>(undefined, count, [])
      return row!.count
    },
  }
}
