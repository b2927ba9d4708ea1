import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { HeldItems } from './held-items.ts'
import type { Changed } from './item.ts'
import { lease } from './lease.ts'
import { Searches } from './searches.ts'
import { Waiters } from './waiters.ts'

const queue = { kind: 'task' as const, queue: 'q' }

test('what was claimed for one whose own search fails for good is his all the same', async () => {
  const waiters = new Waiters(() => {})
  const store = {
    mayHaveReady: async () => true,
    // The search finds nothing; another claims for him and is committed; then the connection of the search breaks.
    heads: async () => [],
    lockReady: async () => [],
    contended: 0,
    write: async (fn: (tx: object) => Promise<unknown>) => {
      await fn({})
      waiters.reserve(queue)!.settle([{ after: { id: 'a' } } as Changed])
      throw new Error('connection lost')
    },
  }
  const deps = { store, waiters, searches: new Searches(), held: new HeldItems(), now: () => 0 }
  const items = await lease(deps as never, { queues: [queue], worker: 'w', max: 1 }, new AbortController().signal)
  deepEqual(
    items.map(({ id }) => id),
    ['a'],
  )
})
