import type { Kysely } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { StateTables } from './tables.ts'

interface OpenTransaction {
  db: Kysely<StateTables>
  afterCommit: (() => void)[]
}

const open = new WeakMap<Tx, OpenTransaction>()

/** Makes the opaque handle under which rooms pass an open transaction around. */
export function openTransaction(db: Kysely<StateTables>): Tx {
  const tx = {} as Tx
  open.set(tx, { db, afterCommit: [] })
  return tx
}

/** The queries of an open transaction. A handle that outlived its transaction throws, or it would write in another's. */
export function within(tx: Tx): Kysely<StateTables> {
  return opened(tx).db
}

/** Runs `fn` once the transaction is durable, before its caller hears of it; never if it rolls back. Must not throw. */
export function afterCommit(tx: Tx, fn: () => void): void {
  opened(tx).afterCommit.push(fn)
}

/** Closes the handle, and hands over what is to run after the commit. */
export function endTransaction(tx: Tx): readonly (() => void)[] {
  const { afterCommit } = opened(tx)
  open.delete(tx)
  return afterCommit
}

function opened(tx: Tx): OpenTransaction {
  const found = open.get(tx)
  if (!found) throw new Error('This transaction is over: a verb went on using it after it returned')
  return found
}
