import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { EventType } from '@nexus/contract'
import { openTasksRoom, type TasksRoom } from '../testing/tasks-room.ts'

async function completeOne(room: TasksRoom, name: string): Promise<void> {
  const [order] = await room.lease({ names: [name] })
  await room.complete(order!)
}

test('tasks that trigger one another stop after eight runs', async (t) => {
  const room = await openTasksRoom(t)
  const { task_id } = await room.create({ type: 'event_driven', trigger: { event_types: ['task.completed'] } })
  const first = await room.create({ name: 'first' })
  await completeOne(room, 'first')
  equal((await room.runs(first.task_id)).length, 1)
  for (let i = 0; i < 20; i++) for (const order of await room.lease()) await room.complete(order)
  const stands = await room.stands(task_id)
  equal(stands.at(-1), 'skipped/causal_depth')
  equal(stands.filter((one) => one === 'completed').length, 7)
})

test('a task that is triggered by what was left out, or failed before it ran, stops after eight runs, too', async (t) => {
  const room = await openTasksRoom(t)
  room.readings.set('cpu_usage', 90)
  const waits = (name: string, event_types: EventType[], more: object) =>
    room.create({ name, type: 'event_driven', trigger: { event_types, filters: { name } }, ...more })
  const guard = { query: 'avg(cpu_usage) < 70 over 5m', else: 'skip' }
  const skips = await waits('skips', ['task.skipped', 'task.completed'], { guard })
  const fails = await waits('fails', ['task.failed'], { parameters: { x: '\u0024{parameters.y}' } })
  for (const { task_id } of [skips, fails]) await room.execute(task_id)
  await completeOne(room, 'skips')
  for (let i = 0; i < 20; i++) await room.pass(1000)
  const stands = async ({ task_id }: { task_id: string }) => (await room.stands(task_id)).sort()
  deepEqual(await stands(fails), [...Array(8).fill('failed/template_unresolved'), 'skipped/causal_depth'])
  deepEqual(await stands(skips), ['completed', 'skipped/causal_depth', ...Array(7).fill('skipped/guard')])
})
