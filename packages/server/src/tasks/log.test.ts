import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { type Output, type RunLogLine, taskLimits } from '@nexus/contract'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openTasksRoom } from '../testing/tasks-room.ts'

const bytesMax = taskLimits.logBytesMax

for (const { name, skip = false, fresh } of await enginesUnderTest())
  test(`${name}: of a log that is too large the end is kept, and how much went before is told`, { skip }, async (t) => {
    const room = await openTasksRoom(t, await fresh(t))
    await room.create()
    const [order] = await room.lease()
    const { run_id, lease_token } = order!
    const kept = async () => {
      const lines: RunLogLine[] = []
      for (let cursor: string | null = null; ; ) {
        const page: Output<'runs.logs.list'> = await room.call('runs.logs.list', {
          run_id,
          limit: 100,
          ...(cursor !== null && { cursor }),
        })
        lines.push(...page.lines)
        cursor = page.next_cursor
        if (cursor === null) return { dropped: page.dropped, messages: lines.map(({ message }) => message) }
      }
    }
    let said = 0
    const say = (count: number, length: number) => {
      const lines = Array.from({ length: count }, () => ({ message: `${said++} `.padEnd(length, '.') }))
      return room.call('runs.logs.add', { run_id, lease_token, lines })
    }
    for (let call = 0; call < 40; call++) {
      await say(70, 800)
      const { dropped, messages } = await kept()
      const bytes = messages.reduce((sum, message) => sum + message.length + 200, 0)
      ok(bytes <= bytesMax && (dropped === 0 || bytes > 0.85 * bytesMax), String(bytes))
      deepEqual(
        messages,
        Array.from({ length: messages.length }, (_, i) => `${dropped + i} `.padEnd(800, '.')),
      )
      equal(dropped + messages.length, said)
    }
    await say(200, 8000)
    const { dropped, messages } = await kept()
    equal(dropped + messages.length, said)
    equal(messages.filter(({ length }) => length === 8000).length, Math.floor(bytesMax / 8200))
    deepEqual(messages.at(-1), `${said - 1} `.padEnd(8000, '.'))
  })
