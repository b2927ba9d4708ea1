import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openCommandsRoom } from '../testing/commands-room.ts'
import { until } from '../testing/until.ts'

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: who waits for a command is told what kind of end it was`, { skip: skip ?? false }, async (t) => {
    const { submit, lease, call, pass, finish } = await openCommandsRoom(t, await fresh(t))
    const wait = async (end: () => Promise<unknown>) => {
      const waiting = submit({ async: false, timeout_seconds: 5, delivery: { mode: 'queue', ttl_seconds: 5 } })
      await until('it is there', async () => (await call('commands.list', { status: 'pending' })).commands.length > 0)
      await end()
      const { status, sub_status } = await waiting
      return [status, sub_status]
    }
    const held = async () => {
      const { execution_id, lease_token } = (await lease())[0]!
      return { execution_id, lease_token }
    }
    const cases = {
      notTaken: await wait(() => pass(5001)),
      tooSlow: await wait(async () => {
        await lease()
        await pass(5001)
      }),
      rejected: await wait(async () => call('executions.ack', { ...(await held()), status: 'rejected' })),
      failed: await wait(async () => finish(await held(), { status: 'failed' })),
      done: await wait(async () => finish(await held())),
    }
    deepEqual(cases, {
      notTaken: ['timeout', 'delivery'],
      tooSlow: ['timeout', 'execution'],
      rejected: ['failed', 'rejected'],
      failed: ['failed', 'error'],
      done: ['completed', undefined],
    })
  })

  test(`${name}: who does not wait for the end is told what the command waits for`, {
    skip: skip ?? false,
  }, async (t) => {
    const { submit } = await openCommandsRoom(t, await fresh(t))
    const waitFor = { async: false, wait_seconds: 0, delivery: { mode: 'queue' } } as const
    const one = await submit(waitFor)
    deepEqual([one.status, one.sub_status, one.waiting_for], ['pending', 'offline', { reason: 'device_never_seen' }])
    const approval = await submit({ ...waitFor, command: 'restart', target: { device_ids: ['a', 'b'] } })
    deepEqual(
      [approval.sub_status, approval.waiting_for, approval.summary?.pending],
      ['awaiting_approval', { reason: 'approval' }, 2],
    )
  })
}
