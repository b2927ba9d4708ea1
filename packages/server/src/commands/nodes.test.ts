import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionOrder } from '@nexus/contract'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openCommandsRoom } from '../testing/commands-room.ts'
import { until } from '../testing/until.ts'

const { skip, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!

test('who waits on one node for a command to end hears of it where it ends on another, with the result', {
  skip: skip ?? false,
}, async (t) => {
  const options = await fresh(t)
  const first = await openCommandsRoom(t, options)
  const second = await openCommandsRoom(t, { ...options, clock: first.clock })
  const waiting = second.submit({ async: false, wait_seconds: 60, delivery: { mode: 'queue' } })
  const [order] = await until('it is there', async () => {
    const orders = await first.lease()
    return orders.length > 0 && orders
  })
  const other = second.commands.end(order!.command_id, new AbortController().signal)
  await first.finish(order!, { result: { n: 1 } })
  let outcome: Awaited<typeof waiting> | undefined
  void waiting.then((ended) => {
    outcome = ended
  })
  await until('it is known', async () => {
    await second.commands.sweep()
    return outcome
  })
  equal(outcome?.status, 'completed')
  deepEqual(outcome?.result, { success: true, n: 1, duration_ms: 0 })
  deepEqual((await other)?.result, outcome?.result)
})

test('a device that goes from one node to another receives there what it had not confirmed, and ends what it has', {
  skip: skip ?? false,
}, async (t) => {
  const options = await fresh(t)
  const first = await openCommandsRoom(t, options)
  const second = await openCommandsRoom(t, { ...options, clock: first.clock })
  const receiverOn = ({ commands, ctx }: typeof first, have: string[]) => {
    const orders: { execution_id: string; lease_token: string; attempt: number }[] = []
    const close = commands.receive(
      ctx,
      'd',
      { execute: (order) => orders.push(order) > 0, room: () => undefined, cancel: () => {}, replaced: () => {} },
      { max: 16, have },
    )
    return { orders, close }
  }
  const before = receiverOn(first, [])
  await first.submit()
  await first.submit({ delivery: { max_attempts: 2 } })
  await until('both are given', async () => before.orders.length === 2)
  const [one, two] = before.orders
  await first.call('executions.ack', {
    execution_id: one!.execution_id,
    lease_token: one!.lease_token,
    status: 'accepted',
  })
  const after = receiverOn(second, [one!.execution_id])
  await until('the other is given again', async () => after.orders.length === 1)
  deepEqual([after.orders[0]!.execution_id, after.orders[0]!.attempt], [two!.execution_id, 2])
  before.close()
  second.work.start()
  t.after(() => second.work.stop())
  const { command_id } = await first.submit()
  const third = await until('what is submitted there is given here', async () => after.orders[1])
  for (const order of [one!, after.orders[0]!, third]) equal((await second.finish(order)).status, 'completed')
  equal((await first.call('commands.get', { command_id })).status, 'completed')
  after.close()
})

test('a cancel at one node is told at once to the device that is connected to another', {
  skip: skip ?? false,
}, async (t) => {
  const options = await fresh(t)
  const first = await openCommandsRoom(t, options)
  const second = await openCommandsRoom(t, { ...options, clock: first.clock })
  const told: string[] = []
  const orders: ExecutionOrder[] = []
  const sink = {
    execute: (order: ExecutionOrder) => orders.push(order) > 0,
    room: () => undefined,
    cancel: ({ execution_id }: { execution_id: string }) => void told.push(execution_id),
    replaced: () => {},
  }
  const close = second.commands.receive(second.ctx, 'd', sink, { max: 16, have: [] })
  const { command_id } = await second.submit()
  await until('it is given', async () => orders.length === 1)
  let isHeard = false
  second.state.signals.listen('test', () => {
    isHeard = true
  })
  await until('signals are heard', async () => {
    first.state.signals.tell('test', 'a')
    return isHeard
  })
  // No loop runs: nobody looks, and no lease is renewed.
  await first.call('commands.cancel', { command_id })
  await until('it is told', async () => told.length > 0)
  deepEqual(told, [orders[0]!.execution_id])
  await second.finish(orders[0]!, { status: 'cancelled' })
  deepEqual(await first.stands(command_id), ['cancelled'])
  close()
})
