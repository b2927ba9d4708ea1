import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { openCommandsRoom } from '../../testing/commands-room.ts'
import { createCommandStore } from './index.ts'
import { enginesUnderTest } from './testing/engines-under-test.ts'

for (const { name, skip, fresh } of await enginesUnderTest())
  test(`${name}: in a transaction a command is as it will be committed, whatever its readers make of their records`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openCommandsRoom(t, await fresh(t))
    const store = createCommandStore(room.state, room.sealer)
    const { command_id: id } = await room.submit()
    const seen = await store.write(async (tx) => {
      const [found] = await store.find([id], tx)
      found!.seq = 99
      const counted = await store.count(tx, id, { pending: -1, running: 1 })
      await store.save(tx, { ...counted, seq: counted.seq + 1, status: 'running' })
      await store.count(tx, id, { running: -1, failed: 1 })
      return [await store.lock(tx, id), (await store.find([id], tx))[0]]
    })
    const [committed] = await store.find([id])
    deepEqual(seen, [committed, committed])
    deepEqual([committed!.seq, committed!.status, committed!.counts.failed], [2, 'running', 1])
  })
