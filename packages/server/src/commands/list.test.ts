import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import { createCommandStore } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { keyWith, openCommandsRoom } from '../testing/commands-room.ts'

const lookedMax = 5000

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: however many commands there are, a page looks at so many, says what it found, and goes on from there`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openCommandsRoom(t, await fresh(t))
    const { command_id: failed } = await room.submit({ command: 'health_check' })
    await room.finish((await room.lease())[0]!, { status: 'failed' })
    const { command_id: diagnostic } = await room.submit({ command: 'health_check' })
    await room.finish((await room.lease())[0]!)
    room.clock.at += 1000
    const { command_id } = await room.submit()
    await room.finish((await room.lease())[0]!)
    const store = createCommandStore(room.state, room.sealer)
    const [one] = await store.find([command_id])
    await room.state.write(async (tx) => {
      for (let n = 0; n < lookedMax; n++)
        await store.insert(tx, { ...one!, commandId: `cmd-${n}`, submittedAt: one!.submittedAt + 1 + n }, [])
    })
    const pages = async (input: Input<'commands.list'>, principal?: ReturnType<typeof keyWith>) => {
      const found: string[][] = []
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await room.call('commands.list', { ...input, ...(cursor && { cursor }) }, principal)
        found.push(page.commands.map((command) => command.command_id))
        cursor = page.next_cursor
      }
      return found
    }
    deepEqual(await pages({ category: 'diagnostic' }), [[], [diagnostic, failed]])
    deepEqual(await pages({}, keyWith(['command:execute:diagnostic'])), [[], [diagnostic, failed]])
    deepEqual(await pages({ category: 'diagnostic', status: 'completed' }), [[], [diagnostic]])
    // Of those that were not completed there is an index, and so they are found at once.
    deepEqual(await pages({ status: 'failed' }), [[failed]])
    deepEqual(await pages({ status: 'failed', category: 'diagnostic' }), [[failed]])
    deepEqual(await pages({ status: 'running' }), [[]])
    const all = (await pages({ limit: 100, status: 'completed' })).flat()
    deepEqual([all.length, new Set(all).size, all.at(-1)], [lookedMax + 2, lookedMax + 2, diagnostic])
    equal((await pages({ limit: 100 })).flat().length, lookedMax + 3)
  })
}
