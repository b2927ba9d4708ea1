import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { startTestNexus, type TestNexus } from './testing/nexus.ts'
import { until } from './testing/until.ts'
import { openWs } from './testing/ws-client.ts'

// The specification's "Complete Task Execution Flow", with its two faults mended: the answer is read as JSON before its
// task_id is used, and nothing is sent over the WebSocket before that is open.

const backup = {
  name: 'Daily backup',
  type: 'scheduled',
  schedule: { cron: '0 1 * * *' },
  parameters: { target: 'database-prod' },
} as const

/** Somebody has to do the backup. */
async function doBackup({ client }: TestNexus): Promise<void> {
  const leased = await client.workers.lease({ worker_id: 'backup-1', names: ['Daily backup'], wait_seconds: 10 })
  const { run_id, lease_token, parameters } = leased!.runs[0]!
  await client.runs.complete({ run_id, lease_token, result: { saved: parameters.target } })
}

test('the complete task execution flow, as the specification has it', async (t) => {
  const nexus = await startTestNexus(t)
  const headers = { 'Content-Type': 'application/json' }
  const created = await nexus.request('/v1/tasks', { method: 'POST', headers, body: JSON.stringify(backup) })
  equal(created.status, 201)
  const task = (await created.json()) as Record<string, string>
  equal(created.headers.get('location'), `/v1/tasks/${task.task_id}`)
  deepEqual([task.name, task.status], ['Daily backup', 'scheduled'])
  ok(task.next_run!.endsWith('T01:00:00.000Z'))

  const ws = await openWs(t, nexus, { query: `?token=${nexus.key}` })
  await ws.subscribe('tasks', { filters: { task_id: task.task_id } })

  const executed = await nexus.request(`/v1/tasks/${task.task_id}/execute`, { method: 'POST', headers })
  equal(executed.status, 202)
  const { run_id } = (await executed.json()) as { run_id: string }
  await doBackup(nexus)
  const [completed] = await until(
    'task.completed',
    async () => ws.of('task.completed').length > 0 && ws.of('task.completed'),
  )
  deepEqual(
    [completed!.payload.task_id, completed!.payload.run_id, completed!.payload.result],
    [task.task_id, run_id, { saved: 'database-prod' }],
  )
})

test('the same flow through the SDK', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  const task = await client.tasks.create({ ...backup, schedule: { ...backup.schedule } })
  const messages = client.subscribe('tasks', { filters: { task_id: task.task_id }, after: 'earliest' })
  const { run_id } = await client.tasks.execute({ task_id: task.task_id, parameters: { target: 'database-test' } })
  await doBackup(nexus)
  for await (const message of messages) {
    if (message.type !== 'task.completed') continue
    deepEqual([message.payload.run_id, message.payload.result], [run_id, { saved: 'database-test' }])
    break
  }
  equal((await client.runs.get({ run_id })).status, 'completed')
  const last = (await client.tasks.get({ task_id: task.task_id })).last_run
  equal(last!.run_id, run_id)
})

test('the events of a run are a stream of its own, which ends with it', async (t) => {
  const nexus = await startTestNexus(t)
  const task = await nexus.client.tasks.create({ ...backup, schedule: { ...backup.schedule } })
  const { run_id } = await nexus.client.tasks.execute({ task_id: task.task_id })
  const response = await nexus.request(`/v1/runs/${run_id}/events`)
  await doBackup(nexus)
  const events = [...(await response.text()).matchAll(/^event: (\S+)$/gm)].map(([, type]) => type)
  deepEqual(events, ['task.queued', 'task.started', 'task.completed', 'stream.ended'])
  equal((await nexus.request('/v1/runs/run-none/events')).status, 404)
})

test('an ETag names the version, and If-Match refuses a change of another one', async (t) => {
  const nexus = await startTestNexus(t)
  const task = await nexus.client.tasks.create({ ...backup, schedule: { ...backup.schedule } })
  const path = `/v1/tasks/${task.task_id}`
  equal((await nexus.request(path)).headers.get('etag'), '"1"')
  const change = (etag: string) =>
    nexus.request(path, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/merge-patch+json', 'If-Match': etag },
      body: JSON.stringify({ description: 'Nightly' }),
    })
  const changed = await change('"1"')
  deepEqual([changed.status, changed.headers.get('etag')], [200, '"2"'])
  equal((await change('"1"')).status, 412)
})
