import { deepEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionOrder, Input } from '@nexus/contract'
import { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { type CommandsRoom, openCommandsRoom } from '../testing/commands-room.ts'

type Said = Partial<Input<'executions.result'>>

const is = (reason: string) => (error: unknown) => error instanceof Failure && error.details?.reason === reason

/** A device has begun what it was given. */
async function begin(room: CommandsRoom, more: Parameters<CommandsRoom['submit']>[0] = {}) {
  const { command_id } = await room.submit(more)
  const [order] = (await room.lease()) as [ExecutionOrder]
  const { execution_id, lease_token } = order
  await room.call('executions.progress', { execution_id, lease_token, seq: 1 })
  return { command_id, order }
}

async function stands({ call }: CommandsRoom, command_id: string) {
  const { status, sub_status, status_reason, late, result, error, summary } = await call('commands.get', { command_id })
  const { by } = (result ?? {}) as { by?: string }
  const ended = Object.entries(summary).filter(([, count]) => count > 0)
  return { status, sub_status, status_reason, late, by, error: error?.code, ended }
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: what a device says after a cancel that it did not confirm is kept, and told, as a late result`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openCommandsRoom(t, await fresh(t))
    const cases: [Said, Awaited<ReturnType<typeof stands>>, string][] = [
      [
        { status: 'completed', result: { by: 'd' } },
        {
          ...{ status: 'completed', sub_status: null, status_reason: null, late: true, by: 'd', error: undefined },
          ended: [['completed', 1]],
        },
        'command.completed',
      ],
      [
        { status: 'failed', error: { code: 'valve_stuck', message: 'half open' } },
        {
          ...{ status: 'failed', sub_status: 'error', status_reason: 'valve_stuck', late: true, by: undefined },
          ...{ error: 'valve_stuck', ended: [['failed', 1]] },
        },
        'command.failed',
      ],
      [
        { status: 'cancelled' },
        {
          ...{ status: 'cancelled', sub_status: null, status_reason: 'cancelled', late: true, by: undefined },
          ...{ error: undefined, ended: [['cancelled', 1]] },
        },
        'command.cancelled',
      ],
    ]
    for (const [said, expected, type] of cases) {
      const { command_id, order } = await begin(room)
      await room.call('commands.cancel', { command_id })
      await room.pass(10_001)
      deepEqual(await room.stands(command_id), ['cancelled/unconfirmed'])
      await room.finish(order, said)
      deepEqual(await stands(room, command_id), expected)
      const told = (await room.toldOfCommands()).filter(({ data }) => data.command_id === command_id)
      const last = told.at(-1)!
      deepEqual([last.type, last.data.late], [type, true])
      // Again it is answered, and another one is refused.
      await room.finish(order, said)
      await rejects(room.finish(order, { status: 'completed', result: { by: 'e' } }), is('result_differs'))
      deepEqual(await stands(room, command_id), expected)
    }
    const { command_id, order } = await begin(room)
    await room.call('commands.cancel', { command_id })
    await room.pass(10_001)
    await room.pass(25 * 3_600_000)
    await rejects(room.finish(order), is('lease_lost'))
  })

  test(`${name}: of what a device was given and lost nobody says that none took it, and what it did counts`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openCommandsRoom(t, await fresh(t))
    const slow = { timeout_seconds: 3600, delivery: { ttl_seconds: 60, max_attempts: 3 } }
    const ends: [string, (command_id: string) => Promise<unknown>, string, string][] = [
      ['failed/outcome_unknown', () => room.pass(30_000), 'outcome_unknown', 'completed'],
      [
        'cancelled/unconfirmed',
        (command_id) => room.call('commands.cancel', { command_id }),
        'unconfirmed',
        'completed',
      ],
    ]
    for (const [ended, end, reason, status] of ends) {
      const { command_id, order } = await begin(room, slow)
      await room.pass(30_001)
      deepEqual(await room.stands(command_id), ['pending/queued'])
      await end(command_id)
      deepEqual(await room.stands(command_id), [ended])
      deepEqual((await stands(room, command_id)).status_reason, reason)
      await room.finish(order, { result: { by: 'd' } })
      const now = await stands(room, command_id)
      deepEqual([now.status, now.late, now.by], [status, true, 'd'])
    }

    const device_ids = ['d', 'e', 'f']
    const rollout = { abort: { failed_percent: 1 } }
    const { command_id } = await room.submit({ command: 'y', target: { device_ids }, rollout, ...slow })
    const [order] = await room.lease('d')
    await room.pass(30_001)
    const [failing] = await room.lease('e')
    await room.finish(failing!, { status: 'failed' })
    deepEqual(await room.stands(command_id), ['cancelled/unconfirmed', 'failed/error', 'cancelled/aborted'])
    const [given] = (await room.call('commands.executions.list', { command_id })).executions
    deepEqual(given!.status_reason, 'rollout_aborted')
    await room.finish(order!, { result: { by: 'd' }, elapsed_ms: 29_000 })
    deepEqual(await room.stands(command_id), ['completed', 'failed/error', 'cancelled/aborted'])
    const { executions } = await room.call('commands.executions.list', { command_id })
    deepEqual(executions[0]!.result!.duration_ms, 29_000)
    deepEqual(
      executions.map(({ late }) => late ?? false),
      [true, false, false],
    )
  })

  test(`${name}: another result than the one that was kept is refused as that, however it came to be kept`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await openCommandsRoom(t, await fresh(t))
    const kept = { status: 'completed', result: { by: 'd' } } as const
    const others: Said[] = [{ status: 'failed' }, { status: 'cancelled' }, { status: 'completed', result: { by: 'e' } }]
    const refusesOthers = async (order: ExecutionOrder, said: Said, differing = others) => {
      await room.finish(order, said)
      for (const other of differing) await rejects(room.finish(order, other), is('result_differs'))
    }

    const late = await begin(room, { timeout_seconds: 1 })
    await room.pass(1001)
    deepEqual(await room.stands(late.command_id), ['timeout/execution'])
    await refusesOthers(late.order, kept)
    deepEqual((await stands(room, late.command_id)).by, 'd')

    const verifying = await begin(room, { verify: { metric: 'up == 1' } })
    await room.finish(verifying.order, kept)
    deepEqual(await room.stands(verifying.command_id), ['running/verifying'])
    await refusesOthers(verifying.order, kept)
    deepEqual(await room.stands(verifying.command_id), ['running/verifying'])

    const failing = await begin(room)
    await room.call('commands.cancel', { command_id: failing.command_id })
    const failed = { status: 'failed', error: { code: 'stuck', message: 'half open' } } as const
    await room.finish(failing.order, failed)
    deepEqual(await room.stands(failing.command_id), ['cancelled'])
    await refusesOthers(failing.order, failed)

    const { command_id } = await room.submit()
    const [rejected] = (await room.lease()) as [ExecutionOrder]
    const { execution_id, lease_token } = rejected
    await room.call('executions.ack', { execution_id, lease_token, status: 'rejected' })
    await rejects(room.finish(rejected, kept), is('result_differs'))
    deepEqual(await room.stands(command_id), ['failed/rejected'])
  })
}
