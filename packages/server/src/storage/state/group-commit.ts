import { setImmediate as endOfTick } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Tx } from '../../core/context.ts'
import { fail } from '../../core/failure.ts'
import { waitingWritesMax } from './engine.ts'
import type { StateTables } from './tables.ts'
import { endTransaction, openTransaction, prepareCommit } from './transaction.ts'

const groupMs = 5

export interface GroupCommitDeps {
  /** The connection that writes; a `DatabaseSync`. */
  connection: { exec(sql: string): void; readonly isTransaction: boolean }
  /** Queries over that connection. */
  db: Kysely<StateTables>
  /** Milliseconds of a clock that never jumps. */
  elapsed?: () => number
  /** Told when a transaction begins. */
  onBegin?: () => void
  waitingMax?: number
}

interface Write {
  fn(tx: Tx): Promise<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

type Outcome = { write: Write; ended(committed: boolean): void } & ({ error: unknown } | { value: unknown })

/**
 * Lets concurrent writes share one commit, and so one fsync. Writes run one after another, each in a savepoint of the
 * group's transaction; one that throws undoes its own savepoint alone. The group commits when no write waits at the end
 * of the tick, or after 5 ms, and only then is any of its writers answered: even a refusal may rest on what another
 * write of the group did. If the commit fails, all of the group are refused, and nothing of it is kept, whatever else fails.
 */
export class GroupCommit {
  readonly #deps: GroupCommitDeps
  readonly #elapsed: () => number
  #waiting: Write[] = []
  #draining: Promise<void> | undefined
  #closed = false

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps
    this.#elapsed = deps.elapsed ?? (() => performance.now())
  }

  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(fail('SERVICE_UNAVAILABLE', { reason: 'state_closed' }))
    if (this.#waiting.length >= (this.#deps.waitingMax ?? waitingWritesMax)) {
      return Promise.reject(fail('SERVICE_UNAVAILABLE', { reason: 'state_queue_full' }, { retryAfterSeconds: 1 }))
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ fn, resolve: resolve as (value: unknown) => void, reject })
      this.#draining ??= this.#drain()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#draining
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#group()
    this.#draining = undefined
  }

  async #group(): Promise<void> {
    const { connection } = this.#deps
    const outcomes: Outcome[] = []
    this.#deps.onBegin?.()
    try {
      // One before that could not be undone then.
      this.#rollBack()
      connection.exec('begin immediate')
      await this.#fill(outcomes)
      connection.exec('commit')
    } catch (error) {
      const lost = fail(
        'SERVICE_UNAVAILABLE',
        { reason: 'state_commit_failed' },
        { cause: this.#causeOf(error), retryAfterSeconds: 1 },
      )
      for (const { ended } of outcomes) ended(false)
      const refused = outcomes.length > 0 ? outcomes.map(({ write }) => write) : this.#waiting.splice(0)
      for (const write of refused) write.reject(lost)
      return
    }
    for (const outcome of outcomes) settle(outcome)
  }

  #rollBack(): void {
    const { connection } = this.#deps
    if (connection.isTransaction) connection.exec('rollback')
  }

  /** Why a group failed, once it is undone; where that fails too the next one does it, before it begins. */
  #causeOf(error: unknown): unknown {
    try {
      this.#rollBack()
      return error
    } catch (another) {
      return new AggregateError([error, another], 'The transaction failed, and could not be rolled back')
    }
  }

  async #fill(outcomes: Outcome[]): Promise<void> {
    const end = this.#elapsed() + groupMs
    while (this.#waiting.length > 0 && this.#elapsed() < end) {
      await this.#attempt(this.#waiting.shift()!, outcomes)
      if (this.#waiting.length === 0) await endOfTick()
    }
  }

  async #attempt(write: Write, outcomes: Outcome[]): Promise<void> {
    const { connection, db } = this.#deps
    const tx = openTransaction(db)
    try {
      connection.exec('savepoint one_write')
      const value = await write.fn(tx)
      await prepareCommit(tx)
      connection.exec('release one_write')
      outcomes.push({ write, value, ended: endTransaction(tx, true) })
    } catch (error) {
      outcomes.push({ write, error, ended: endTransaction(tx, false) })
      // A full disk or an I/O error makes SQLite roll back the whole transaction: the group is lost with it.
      if (!connection.isTransaction) throw error
      connection.exec('rollback to one_write')
      connection.exec('release one_write')
    }
  }
}

function settle(outcome: Outcome): void {
  const { write, ended } = outcome
  try {
    ended(!('error' in outcome))
    if ('error' in outcome) write.reject(outcome.error)
    else write.resolve(outcome.value)
  } catch (error) {
    write.reject(error)
  }
}
