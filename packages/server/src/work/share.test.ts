import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Tx } from '../core/context.ts'
import { handOver } from './hand-over.ts'
import { HeldItems } from './held-items.ts'
import type { WorkItem } from './item.ts'
import { Waiters } from './waiters.ts'

const queue = { kind: 'task' as const, queue: 'q' }
const never = new AbortController().signal

/** Transactions that hand over an item each while one waits who takes two; `ends`: how each of them ends, all at once. */
async function whatHeGets(commitsTogether: boolean, ends: Record<string, boolean>) {
  const before = new Map<Tx, () => Promise<void>>()
  const after: [Tx, (committed: boolean) => void][] = []
  const left = new Map<string, WorkItem>()
  const store = {
    ...{ contended: 0, commitsTogether },
    beforeCommit: (tx: Tx, fn: () => Promise<void>) => before.set(tx, fn),
    afterEnd: (tx: Tx, fn: (committed: boolean) => void) => after.push([tx, fn]),
    heads: async () => [[...left.values()]],
    lockReady: async (_: Tx, ids: string[], max: number) => ids.slice(0, max).map((id) => left.get(id)),
    replace: async (_: Tx, items: WorkItem[]) => {
      for (const { id } of items) left.delete(id)
      return new Set(items.map(({ id }) => id))
    },
  }
  const waiters = new Waiters(() => {})
  const place = waiters.join({ queues: [queue], worker: 'w', max: 2 })
  place.search()
  place.wait()
  const deps = {
    store,
    waiters,
    ready: new WeakMap(),
    held: new HeldItems(),
    rooms: {},
    onDue: () => {},
    now: () => 0,
  }
  const txs = Object.entries(ends).map(([id, committed]) => ({ id, committed, tx: { id } as unknown as Tx }))
  for (const { id, tx } of txs) {
    const item = {
      ...queue,
      id,
      priority: 'normal',
      state: 'pending',
      turn: 0,
      seq: 0,
      createdAt: 0,
    } as unknown as WorkItem
    left.set(id, item)
    handOver(deps as never, tx, [item])
    await before.get(tx)!()
  }
  for (const { tx, committed } of txs) for (const [of, fn] of after) if (of === tx) fn(committed)
  return (await place.settled(never))?.map((taken) => taken.after.id)
}

test('what is committed together goes to one who waits, as much as he takes, and he is told of all at once', async () => {
  deepEqual(await whatHeGets(true, { a: true, b: true, c: true }), ['a', 'b'])
  deepEqual(await whatHeGets(true, { a: false, b: true, c: true }), ['b'])
  deepEqual(await whatHeGets(true, { a: true, b: false }), ['a'])
})

test('of what is committed by itself one transaction claims for him', async () => {
  deepEqual(await whatHeGets(false, { a: true, b: true }), ['a'])
})
