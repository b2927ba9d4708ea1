import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Output } from '@nexus/contract'
import { openCommandsRoom } from '../testing/commands-room.ts'

const pageBytesMax = 4.1 * 1024 * 1024

test('pages of commands and of executions are bounded in bytes, and their cursors leave none out', async (t) => {
  const room = await openCommandsRoom(t)
  const pad = 'x'.repeat(60_000)
  for (let n = 0; n < 80; n++) await room.submit({ command: 'large', target: { device_id: 'd' }, parameters: { pad } })
  const commands: string[] = []
  for (let input: Input<'commands.list'> | undefined = { limit: 100 }; input; ) {
    const page: Output<'commands.list'> = await room.call('commands.list', input)
    ok(page.commands.length > 0 && JSON.stringify(page).length < pageBytesMax)
    commands.push(...page.commands.map(({ command_id }) => command_id))
    input = page.next_cursor === null ? undefined : { limit: 100, cursor: page.next_cursor }
  }
  deepEqual([commands.length, new Set(commands).size], [80, 80])

  const device_ids = Array.from({ length: 30 }, (_, n) => `e${n}`)
  const { command_id } = await room.submit({ command: 'large', target: { device_ids } })
  for (const id of device_ids) {
    const [order] = await room.lease(id)
    await room.finish(order!, { result: { pad: pad.repeat(3) } })
  }
  const targets: string[] = []
  let pages = 0
  for (let cursor: string | null | undefined; cursor !== null; pages++) {
    const page = await room.call('commands.executions.list', { command_id, limit: 100, ...(cursor && { cursor }) })
    ok(page.executions.length > 0 && JSON.stringify(page).length < pageBytesMax)
    targets.push(...page.executions.map(({ device_id }) => device_id))
    cursor = page.next_cursor
  }
  deepEqual(targets, device_ids)
  equal(pages, 2)
})
