import type { Kysely } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { StateTables } from './tables.ts'

interface OpenTransaction {
  db: Kysely<StateTables>
  beforeCommit: (() => Promise<void>)[]
  whenStanding: (() => void)[]
  afterEnd: ((committed: boolean) => void)[]
}

const open = new WeakMap<Tx, OpenTransaction>()

/** Makes the opaque handle under which rooms pass an open transaction around. */
export function openTransaction(db: Kysely<StateTables>): Tx {
  const tx = {} as Tx
  open.set(tx, { db, beforeCommit: [], whenStanding: [], afterEnd: [] })
  return tx
}

/** The queries of an open transaction. A handle that outlived its transaction throws, or it would write in another's. */
export function within(tx: Tx): Kysely<StateTables> {
  return opened(tx).db
}

/** For statements that don't come from `within`. */
export function assertOpen(tx: Tx): void {
  opened(tx)
}

/**
 * Runs `fn` in the transaction, once all that was asked of it is done; a throw undoes the transaction. It may write, and
 * add more such steps.
 */
export function beforeCommit(tx: Tx, fn: () => Promise<void>): void {
  opened(tx).beforeCommit.push(fn)
}

/** Does what was to be done before the commit. */
export async function prepareCommit(tx: Tx): Promise<void> {
  const { beforeCommit } = opened(tx)
  while (beforeCommit.length > 0) await beforeCommit.shift()!()
}

/**
 * Runs `fn` once the transaction has done all that it does, and those after it in its group see that, though it is not durable
 * yet; never if it rolls back by itself. `afterEnd` tells whether the group was committed. Must not throw.
 */
export function whenStanding(tx: Tx, fn: () => void): void {
  opened(tx).whenStanding.push(fn)
}

/** Runs `fn` once the transaction is durable, before its caller hears of it; never if it rolls back. Must not throw. */
export function afterCommit(tx: Tx, fn: () => void): void {
  afterEnd(tx, (committed) => {
    if (committed) fn()
  })
}

/** Runs `fn` when the transaction is over, one way or the other, before its caller hears of it. Must not throw. */
export function afterEnd(tx: Tx, fn: (committed: boolean) => void): void {
  opened(tx).afterEnd.push(fn)
}

/** Closes the handle, and hands over what is to be told how it ended. `stands`: it did not roll back by itself. */
export function endTransaction(tx: Tx, stands: boolean): (committed: boolean) => void {
  const { whenStanding, afterEnd } = opened(tx)
  open.delete(tx)
  if (stands) for (const fn of whenStanding) fn()
  return (committed) => {
    for (const fn of afterEnd) fn(committed)
  }
}

function opened(tx: Tx): OpenTransaction {
  const found = open.get(tx)
  if (!found) throw new Error('This transaction is over: a verb went on using it after it returned')
  return found
}
