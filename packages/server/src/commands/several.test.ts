import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { type CommandsRoom, openCommandsRoom } from '../testing/commands-room.ts'

const device_ids = ['a', 'b']

const cases: [what: string, ends: (room: CommandsRoom, command_id: string) => Promise<unknown>, stands: unknown[]][] = [
  ['both completed', ({ call }) => finishAll(call, ['completed', 'completed']), ['completed', null]],
  ['one failed', ({ call }) => finishAll(call, ['completed', 'failed']), ['failed', 'executions_failed']],
  [
    'one was cancelled by its device',
    ({ call }) => finishAll(call, ['completed', 'cancelled']),
    ['cancelled', 'executions_cancelled'],
  ],
  ['none came in its time', ({ pass }) => pass(60_001), ['timeout', 'executions_timed_out']],
  [
    'it was cancelled',
    ({ call }, command_id) => call('commands.cancel', { command_id }),
    ['cancelled', 'executions_cancelled'],
  ],
]

async function finishAll(call: CommandsRoom['call'], outcomes: ('completed' | 'failed' | 'cancelled')[]) {
  for (const [i, device_id] of device_ids.entries()) {
    const leased = await call('commands.lease', { device_id })
    const { execution_id, lease_token } = leased!.executions[0]!
    await call('executions.result', { execution_id, lease_token, status: outcomes[i]! })
  }
}

for (const [what, ends, stands] of cases)
  test(`a command to several devices says how it ended and why: ${what}`, async (t) => {
    const room = await openCommandsRoom(t)
    const { command_id } = await room.submit({ target: { device_ids }, delivery: { ttl_seconds: 60 } })
    await ends(room, command_id)
    const { status, status_reason } = await room.call('commands.get', { command_id })
    deepEqual([status, status_reason], stands)
  })
