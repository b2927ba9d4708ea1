import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { type CommandsRoom, openCommandsRoom } from '../testing/commands-room.ts'
import { deadlocks } from '../testing/deadlocks.ts'

const { skip, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!
const connectionsMax = 4
const devices = Array.from({ length: 12 }, (_, i) => `d${i}`)

/** Whoever came too late is told so; nothing else goes wrong. */
async function settled(doing: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(doing)) {
    if (outcome.status === 'fulfilled') continue
    ok(outcome.reason instanceof Failure && outcome.reason.code === 'CONFLICT', String(outcome.reason?.stack))
  }
}

async function endsConsistently(room: CommandsRoom, command_id: string): Promise<void> {
  await room.pass(3_600_000)
  const { status, summary } = await room.call('commands.get', { command_id })
  ok(['completed', 'failed', 'cancelled', 'timeout'].includes(status), status)
  const { executions } = await room.call('commands.executions.list', { command_id, limit: 100 })
  for (const [state, count] of Object.entries(summary))
    equal(executions.filter((one) => one.status === state).length, count, state)
}

test('on two nodes, results, progress, cancels, pauses and time that pass each other never wait in a circle', {
  skip: skip ?? false,
}, async (t) => {
  const options = { ...(await fresh(t)), connectionsMax }
  const first = await openCommandsRoom(t, options)
  const second = await openCommandsRoom(t, { ...options, clock: first.clock })
  for (let round = 0; round < 8; round++) {
    const rollout = round % 2 === 0 ? { max_concurrency: 8 } : undefined
    const submit = () =>
      first.submit({ command: 'restart_service', target: { device_ids: devices }, ...(rollout && { rollout }) })
    const commands = [await submit(), await submit()]
    const given = (await Promise.all(devices.map((id) => second.lease(id)))).flat()
    ok(given.length > 0)
    const reports = given.flatMap(({ execution_id, lease_token }, i) => {
      const held = { execution_id, lease_token }
      const room = i % 2 === 0 ? first : second
      return [room.call('executions.progress', { ...held, seq: 1, percent: 1 }), room.finish(held)]
    })
    first.clock.at += 31_000
    const others = commands.flatMap(({ command_id }) => [
      ...(rollout ? [second.call('commands.pause', { command_id })] : []),
      first.call('commands.cancel', { command_id }),
    ])
    await settled([...reports, ...others, second.work.sweep()])
    for (const { command_id } of commands) await endsConsistently(first, command_id)
  }
  equal(await deadlocks([first.state, second.state], connectionsMax), 0)
})
