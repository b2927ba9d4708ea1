import { equal, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestNexus } from './testing/nexus.ts'

test('no file tells what commands, devices and their answers said; only whom and what they were about', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  const marker = 'S3kr1t-5f0c'
  const said = (where: string) => `${marker}-${where}`
  await client.commands.definitions.put({
    name: 'told',
    category: 'custom',
    defaults: { parameters: { preset: said('definition') } },
  })
  const target = { device_id: 'visible-device' }
  const input = {
    command: 'told',
    target,
    parameters: { password: said('parameter') },
    callback_url: `https://nobody.invalid/hook?token=${said('callback')}`,
  }
  await client.commands.execute(input, { idempotencyKey: 'once' })
  const [order] = (await client.commands.lease({ device_id: 'visible-device' }))!.executions
  equal(order!.parameters.password, said('parameter'))
  equal(order!.parameters.preset, said('definition'))
  const held = { execution_id: order!.execution_id, lease_token: order!.lease_token }
  await client.executions.progress({ ...held, seq: 1, percent: 1, message: said('progress') })
  await client.executions.logs({ ...held, lines: [{ message: said('log') }] })
  const error = { code: 'broken', message: said('error') }
  await client.executions.result({ ...held, status: 'failed', result: { answer: said('result') }, error })
  const { events } = await client.events.list({ types: 'command.*' })
  ok(JSON.stringify(events).includes(said('result')))
  await nexus.stop()
  assertHides(nexus.folder, marker, 'visible-device')
})

test('no file tells what tasks, workers and their runs said', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  const marker = 'S3kr1t-5f0d'
  const said = (where: string) => `${marker}-${where}`
  const task = await client.tasks.create({
    name: 'visible-name',
    description: said('description'),
    type: 'scheduled',
    schedule: { cron: '0 0 1 1 *' },
    parameters: { password: said('parameter') },
    retry_policy: { max_retries: 1, initial_delay_seconds: 0 },
  })
  await client.tasks.create({
    name: 'triggered',
    type: 'event_driven',
    trigger: { event_types: ['task.completed'], debounce_seconds: 60, dedupe_key: `\${event.data.result.answer}` },
  })
  const { task_id } = task
  await client.tasks.execute({ task_id, parameters: { more: said('execute') } }, { idempotencyKey: 'once' })
  const lease = async () => {
    const leased = await client.workers.lease({ worker_id: 'w', names: ['visible-name'], wait_seconds: 10 })
    const { run_id, lease_token, parameters } = leased!.runs[0]!
    equal(parameters.more, said('execute'))
    return { run_id, lease_token }
  }
  const first = await lease()
  await client.runs.heartbeat({ ...first, progress: { message: said('progress') }, checkpoint: said('checkpoint') })
  await client.runs.logs.add({ ...first, lines: [{ message: said('log') }] })
  await client.runs.fail({ ...first, error: { code: 'broken', message: said('error') } })
  await client.runs.complete({ ...(await lease()), result: { answer: said('result') } })
  const { events } = await client.events.list({ types: 'task.*' })
  ok(JSON.stringify(events).includes(said('result')))
  await nexus.stop()
  assertHides(nexus.folder, marker, 'visible-name')
})

/** Asserts that files have the one and not the other. */
function assertHides(folder: string, marker: string, visible: string): void {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const bytes = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name)))
  ok(bytes.some((content) => content.includes(visible)))
  for (const form of [marker, Buffer.from(marker).toString('base64').slice(0, -4)])
    equal(
      bytes.findIndex((content) => content.includes(form)),
      -1,
    )
}
