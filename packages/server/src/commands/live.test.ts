import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { startTestNexus, type TestNexus, testFolder } from '../testing/nexus.ts'
import { until } from '../testing/until.ts'

const verify = { metric: 'health.up == true', within_seconds: 60 }

test('on a server that is started again in between, a roll-out is verified step by step to its end', async (t) => {
  const dataDir = testFolder(t)
  const first = await startTestNexus(t, { dataDir })
  const ids = ['d0', 'd1', 'd2', 'd3']
  const { command_id } = await first.client.commands.execute({
    command: 'update',
    target: { device_ids: ids },
    rollout: { canary: 1, max_concurrency: 2, rate_per_minute: 1200 },
    verify,
  })
  await succeed(first, 'd0')
  deepEqual(await standing(first, command_id), ['running/verifying', ...Array(3).fill('pending/rollout')])
  await first.stop()

  const second = await startTestNexus(t, { dataDir, adminKey: first.key })
  await measure(second, 'd0', true)
  await until('two more are released', async () => (await standing(second, command_id))[2] === 'pending/offline')
  deepEqual(await standing(second, command_id), ['completed', ...Array(2).fill('pending/offline'), 'pending/rollout'])
  for (const id of ids.slice(1)) {
    await until(`${id} is given it`, () => succeed(second, id))
    await measure(second, id, true)
  }
  const command = await until('it has ended', async () => {
    const found = await second.client.commands.get({ command_id })
    return found.completed_at !== null && found
  })
  deepEqual([command.status, command.rollout_state?.phase], ['completed', 'done'])
})

test('a condition that does not hold by its deadline fails at that, and the metric of a roll-out aborts it', async (t) => {
  const nexus = await startTestNexus(t)
  const { command_id } = await nexus.client.commands.execute({
    command: 'update',
    target: { device_id: 'd0' },
    verify: { ...verify, within_seconds: 1 },
  })
  await succeed(nexus, 'd0')
  await measure(nexus, 'd0', false)
  await until('it has failed', async () => (await standing(nexus, command_id))[0] === 'failed/verify_failed')

  const other = await nexus.client.commands.execute({
    command: 'update',
    target: { device_ids: ['d1', 'd2'] },
    rollout: { max_concurrency: 1, abort: { metric: 'health.up == false' } },
  })
  await succeed(nexus, 'd1', false)
  await measure(nexus, 'd1', false)
  await until('it is aborted', async () => (await standing(nexus, other.command_id))[1] === 'cancelled/aborted')
  const { status, rollout_state } = await nexus.client.commands.get({ command_id: other.command_id })
  equal(status, 'running')
  deepEqual(rollout_state?.abort?.device_id, 'd1')
})

/** A device takes what it is given, and says that it has done it, unless told; false: it is given nothing. */
async function succeed({ client }: TestNexus, device_id: string, ends = true): Promise<boolean> {
  const leased = await client.commands.lease({ device_id })
  const order = leased?.executions[0]
  if (!order) return false
  const { execution_id, lease_token } = order
  if (ends) await client.executions.result({ execution_id, lease_token, status: 'completed' })
  return true
}

async function measure({ client }: TestNexus, device_id: string, up: boolean): Promise<void> {
  await client.telemetry.frames.send({ device_id, metrics: { health: { up } } })
}

async function standing({ client }: TestNexus, command_id: string): Promise<string[]> {
  const { executions } = await client.commands.executions.list({ command_id })
  return executions.map(({ status, sub_status }) => (sub_status === null ? status : `${status}/${sub_status}`))
}
