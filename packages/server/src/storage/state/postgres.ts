import { setTimeout as pause } from 'node:timers/promises'
import { CompiledQuery, Kysely, PostgresDialect, type PostgresPoolClient, sql } from 'kysely'
import pg from 'pg'
import type { Tx } from '../../core/context.ts'
import { Failure, fail } from '../../core/failure.ts'
import { type StateEngine, waitingWritesMax } from './engine.ts'
import { LockStripes } from './lock-stripes.ts'
import { type Migrations, migrate } from './migrate.ts'
import { exhaustion, sqlStateOf, unavailable } from './postgres-failure.ts'
import { PostgresSignals } from './postgres-signals.ts'
import { type Marks, quickClient } from './quick-client.ts'
import type { StateTables } from './tables.ts'
import { endTransaction, openTransaction, prepareCommit, within } from './transaction.ts'

export interface PostgresOptions {
  /** Connections of the pool; default 10. */
  connectionsMax?: number
}

const attemptsMax = 5
const int8 = 20

/**
 * SQLSTATE of a serialization failure, a deadlock and a lock that could not be had: the transaction may succeed when
 * run again.
 */
const lockNotAvailable = '55P03'
const retryable = new Set(['40001', '40P01', lockNotAvailable])
/** A lock may be held for as long as the longest transaction takes. */
const lockRetryMsMax = 5000
const lockRestMsMax = 50

/** Opens the state in PostgreSQL. Writes are READ COMMITTED: rules over many rows take `exclusive` first. */
export async function openPostgres(
  url: string,
  migrations: Migrations,
  options: PostgresOptions = {},
): Promise<StateEngine> {
  const pool = openPool(url, options.connectionsMax ?? 10)
  const prepared = new Set<string>()
  const unawaited = new WeakSet<readonly unknown[]>()
  const db = new Kysely<StateTables>({
    dialect: new PostgresDialect({ pool: translated(pool, { prepared, unawaited }) }),
  })
  try {
    await migrate(db, migrations, `PostgreSQL at ${new URL(url).host}`)
  } catch (error) {
    await db.destroy()
    throw error
  }

  const stripes = new LockStripes()
  const signals = new PostgresSignals(url)
  const running = new Set<Promise<unknown>>()
  let closed = false
  const write = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => {
    if (closed) return Promise.reject(fail('SERVICE_UNAVAILABLE', { reason: 'state_closed' }))
    if (running.size >= waitingWritesMax) {
      return Promise.reject(fail('SERVICE_UNAVAILABLE', { reason: 'state_queue_full' }, { retryAfterSeconds: 1 }))
    }
    const done = attempt(db, fn).finally(() => running.delete(done))
    running.add(done)
    return done
  }
  return {
    kind: 'postgres',
    reads: db,
    write,
    run: async <Row>(tx: Tx | undefined, text: string, parameters: readonly unknown[]) => {
      prepared.add(text)
      const { rows } = await (tx ? within(tx) : db).executeQuery(CompiledQuery.raw(text, [...parameters]))
      return rows as Row[]
    },
    change: async (tx, text, parameters) => {
      prepared.add(text)
      const { numAffectedRows } = await within(tx).executeQuery(CompiledQuery.raw(text, [...parameters]))
      return Number(numAffectedRows ?? 0)
    },
    send: async (tx, text, parameters) => {
      prepared.add(text)
      const sent = [...parameters]
      unawaited.add(sent)
      await within(tx).executeQuery(CompiledQuery.raw(text, sent))
    },
    exclusive: async (tx, rule) => {
      await sql`select pg_advisory_xact_lock(hashtext(${`nexus:${rule}`}))`.execute(within(tx))
    },
    exclusiveEach: (tx, keys) => stripes.take(tx, keys),
    signals,
    close: async () => {
      closed = true
      await Promise.allSettled(running)
      await signals.close()
      await db.destroy()
    },
  }
}

async function attempt<T>(db: Kysely<StateTables>, fn: (tx: Tx) => Promise<T>): Promise<T> {
  const began = performance.now()
  for (let attempts = 1; ; attempts++) {
    try {
      return await once(db, fn)
    } catch (error) {
      const code = sqlStateOf(error)
      if (!retryable.has(code)) throw error
      const isWaiting = code === lockNotAvailable && performance.now() - began < lockRetryMsMax
      if (attempts >= attemptsMax && !isWaiting) throw unavailable('state_contention', error)
      // Whoever holds it may wait for what this one held: both must not come back at the same moment.
      if (code === lockNotAvailable) await pause(Math.random() * lockRestMsMax)
    }
  }
}

async function once<T>(db: Kysely<StateTables>, fn: (tx: Tx) => Promise<T>): Promise<T> {
  let ended: (committed: boolean) => void = () => {}
  const write = db.transaction().execute(async (transaction) => {
    const tx = openTransaction(transaction)
    let stands = false
    try {
      const value = await fn(tx)
      await prepareCommit(tx)
      stands = true
      return value
    } finally {
      ended = endTransaction(tx, stands)
    }
  })
  const value = await write.catch((error) => {
    ended(false)
    throw error
  })
  ended(true)
  return value
}

function openPool(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: 5000,
    idle_in_transaction_session_timeout: 60_000,
    // Statements that are prepared keep their plans, maybe from when a table was empty, and all that is hot has an index.
    options: '-c enable_seqscan=off -c jit=off',
    // A connection sends what it is given without waiting for the answer before: see `quickClient`.
    pipeline: true,
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  })
  // Without a listener, a connection that breaks while idle, or between two statements of a transaction, would end the
  // process; the pool replaces it, and the transaction fails with its next statement.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** The pool, saying 503 rather than 500 while the database can't be reached, or has no room. */
function translated(pool: pg.Pool, marks: Marks) {
  const clients = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      try {
        const client = await pool.connect()
        const known = clients.get(client) ?? quickClient(client, marks)
        clients.set(client, known)
        return known
      } catch (error) {
        throw error instanceof Failure ? error : (exhaustion(error) ?? unavailable('state_unreachable', error))
      }
    },
  }
}
