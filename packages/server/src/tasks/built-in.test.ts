import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { Input, Run } from '@nexus/contract'
import { createClient, type NexusClient, type NexusError } from '@nexus/sdk'
import { startTestNexus, type TestNexus, testFolder } from '../testing/nexus.ts'
import { until } from '../testing/until.ts'

/** Makes a task that runs at once; resolves with its run once that has ended. */
async function runOf({ client }: TestNexus, definition: Partial<Input<'tasks.create'>>): Promise<Run> {
  const { task_id } = await client.tasks.create({ name: 'built in', type: 'one_time', ...definition })
  return until('the end of the run', async () => {
    const [run] = (await client.tasks.runs.list({ task_id })).runs
    return run?.completed_at != null && run
  })
}

const forbidden = (field: string, required_scope?: string) => (error: NexusError) =>
  isDeepStrictEqual(
    [error.code, error.details.field, error.details.required_scope],
    ['FORBIDDEN', field, required_scope],
  )

async function peer(t: TestContext) {
  const heard: { method: string; url: string; headers: Record<string, unknown>; body: string }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    heard.push({ method: request.method!, url: request.url!, headers: request.headers, body })
    response.statusCode = heard.length === 1 ? 503 : 201
    response.end('{"made":true}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jobs` }
}

test('a run is a request, is made again after a status that may pass, and has its trace', async (t) => {
  const nexus = await startTestNexus(t, { webhookAllowCidrs: ['127.0.0.0/8'] })
  const { heard, url } = await peer(t)
  const run = await runOf(nexus, {
    handler: { type: 'http', method: 'PUT', url, headers: { 'X-Job': 'nightly' }, expect: '201' },
    parameters: { rows: 3 },
    retry_policy: { max_retries: 1, initial_delay_seconds: 0 },
  })
  deepEqual([run.status, run.result], ['completed', { status: 201, body: { made: true } }])
  deepEqual(
    heard.map(({ method, url, body }) => [method, url, body]),
    [
      ['PUT', '/jobs', '{"rows":3}'],
      ['PUT', '/jobs', '{"rows":3}'],
    ],
  )
  equal(heard[0]!.headers['x-job'], 'nightly')
  ok(String(heard[0]!.headers.traceparent).includes(run.trace_id))
})

test('what a request is answered is the result, as large as one may be; of more it is said that it was cut', async (t) => {
  const nexus = await startTestNexus(t, { webhookAllowCidrs: ['127.0.0.0/8'] })
  const rows = Array.from({ length: 4000 }, (_, id) => ({ id, name: `row ${id}` }))
  const server = createServer((request, response) => {
    response.end(request.url === '/rows' ? JSON.stringify(rows) : 'x'.repeat(1_000_000))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fits = await runOf(nexus, { handler: { type: 'http', url: `${url}/rows` } })
  deepEqual(fits.result, { status: 200, body: rows })
  const large = await runOf(nexus, { handler: { type: 'http', url } })
  const { body, ...more } = large.result as { body: string }
  deepEqual([large.status, more, /^x{190000,}$/.test(body)], ['completed', { status: 200, truncated: true }, true])
})

test('an address inside of the network is refused when the task is made', async (t) => {
  const nexus = await startTestNexus(t)
  const handler = { type: 'http', url: 'https://127.0.0.1/x' } as const
  await rejects(nexus.client.tasks.create({ name: 'x', type: 'one_time', handler }), { code: 'VALIDATION_ERROR' })
})

test('a run is a command: it ends as that does, and both are in one chain', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  const ended = runOf(nexus, {
    handler: { type: 'command', command: 'backup', target: { device_id: 'db-1' } },
    parameters: { full: true },
  })
  const leased = await client.commands.lease({ device_id: 'db-1', wait_seconds: 10 })
  const { execution_id, lease_token, parameters } = leased!.executions[0]!
  deepEqual(parameters, { full: true })
  await client.executions.result({ execution_id, lease_token, status: 'completed', result: { bytes: 7 } })
  const run = await ended
  equal(run.status, 'completed')
  equal((run.result as { result: { bytes: number } }).result.bytes, 7)
  const { events } = await client.traces.get({ trace_id: run.trace_id })
  const queued = events.find(({ type }) => type === 'task.queued')!
  equal(events.find(({ type }) => type === 'command.submitted')!.cause_id, queued.id)
})

test('a command that somebody cancels is not sent again by the run that sent it', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  const handler = { type: 'command', command: 'x', target: { device_id: 'd' } } as const
  const ended = runOf(nexus, { handler, retry_policy: { max_retries: 3 } })
  const { command_id } = await until('the command is there', async () => (await client.commands.list()).commands[0])
  await client.commands.cancel({ command_id })
  const { status, error, attempt } = await ended
  deepEqual([status, error!.code, attempt], ['failed', 'command_cancelled', 1])
})

test('a run is a query: its rows are the result, and another task may use them', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  await client.telemetry.frames.send({ device_id: 'd', metrics: { cpu_usage: 60 } })
  const query = { metrics: 'cpu_usage', last: '1h', aggregation: 'avg' } as const
  const run = await runOf(nexus, { handler: { type: 'telemetry_query', query } })
  equal((run.result as { data: { cpu_usage: number }[] }).data[0]!.cpu_usage, 60)
  const next = await client.tasks.create({
    name: 'next',
    type: 'one_time',
    dependencies: [run.task_id],
    parameters: { cpu: `\${deps.${run.task_id}.result.data.0.cpu_usage}` },
  })
  const leased = await client.workers.lease({ worker_id: 'w', names: ['next'], wait_seconds: 10 })
  deepEqual(leased!.runs[0]!.parameters, { cpu: 60 })
  equal(leased!.runs[0]!.task_id, next.task_id)
})

test('a guard asks live telemetry', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  await client.telemetry.frames.send({ device_id: 'd', metrics: { cpu_usage: 90 } })
  const of = { name: 'guarded', type: 'one_time' } as const
  const guard = (query: string) => ({ ...of, guard: { query, else: 'skip' as const, device_id: 'd' } })
  equal((await runOf(nexus, guard('avg(cpu_usage) < 70 over 5m'))).status, 'skipped')
  equal((await runOf(nexus, guard('avg(nothing) < 70 over 5m'))).status, 'skipped')
  const { task_id } = await client.tasks.create(guard('avg(cpu_usage) >= 70 over 5m'))
  const leased = await client.workers.lease({ worker_id: 'w', names: ['guarded'], wait_seconds: 10 })
  equal(leased!.runs[0]!.task_id, task_id)
})

test('what a task does needs the scopes of the key that makes it, and still has them when it runs', async (t) => {
  const nexus = await startTestNexus(t)
  const of = { name: 'x', type: 'one_time' } as const
  const command = { type: 'command', command: 'x', target: { device_id: 'd' } } as const
  const query = { type: 'telemetry_query', query: { metrics: 'm', last: '1h' } } as const
  const narrow = await nexus.as({ scopes: ['task:write', 'task:read'] })
  for (const handler of [command, query])
    await rejects(narrow.client.tasks.create({ ...of, handler }), { code: 'FORBIDDEN' })
  const guard = { query: 'avg(m) > 1 over 5m' }
  await rejects(narrow.client.tasks.create({ ...of, guard }), { code: 'FORBIDDEN' })
  const trigger = { event_types: ['command.completed' as const] }
  await rejects(narrow.client.tasks.create({ ...of, type: 'event_driven', trigger }), { code: 'FORBIDDEN' })

  const diagnostic = await nexus.as({ scopes: ['task:write', 'task:read', 'command:execute:diagnostic'] })
  const restart = { ...of, handler: { ...command, command: 'restart' } }
  await rejects(diagnostic.client.tasks.create(restart), forbidden('handler.command', 'command:execute:system'))
  const define = (category: 'diagnostic' | 'system') => nexus.client.commands.definitions.put({ name: 'x', category })
  await define('diagnostic')
  const { task_id } = await diagnostic.client.tasks.create({
    name: 'x',
    type: 'scheduled',
    schedule: { cron: '0 0 1 1 *' },
    handler: command,
  })
  await define('system')
  await nexus.client.tasks.execute({ task_id })
  const run = await until('the end of the run', async () => {
    const [run] = (await nexus.client.tasks.runs.list({ task_id })).runs
    return run?.completed_at != null && run
  })
  deepEqual([run.status, run.error!.code], ['failed', 'forbidden'])
})

test('a command is cancelled with its run, whether a device has it or not', async (t) => {
  const nexus = await startTestNexus(t)
  const { client } = nexus
  const handler = { type: 'command', command: 'x', target: { device_id: 'd' } } as const
  const submitted = (count: number) =>
    until('the command is there', async () => {
      const { commands } = await client.commands.list()
      return commands.length === count && commands[0]
    })
  const ended = (command_id: string) =>
    until('the command has ended', async () => {
      const { status } = await client.commands.get({ command_id })
      return status !== 'pending' && status !== 'running' && status
    })
  const waiting = await client.tasks.create({ name: 'x', type: 'one_time', handler })
  const unseen = await submitted(1)
  await client.tasks.cancel({ task_id: waiting.task_id })
  equal(await ended(unseen.command_id), 'cancelled')

  const running = await client.tasks.create({ name: 'x', type: 'one_time', handler })
  const seen = await submitted(2)
  const [order] = (await client.commands.lease({ device_id: 'd', wait_seconds: 10 }))!.executions
  const { execution_id, lease_token } = order!
  await client.tasks.cancel({ task_id: running.task_id })
  await until('the device is asked to stop', async () => {
    const standing = await client.executions.progress({ execution_id, lease_token, seq: 1 })
    return standing.cancel_requested
  })
  await client.executions.result({ execution_id, lease_token, status: 'cancelled' })
  equal(await ended(seen.command_id), 'cancelled')
  const late = { name: 'x', type: 'one_time', handler, timeout_seconds: 1, retry_policy: { max_retries: 0 } } as const
  await client.tasks.create(late)
  const slow = await submitted(3)
  equal(await ended(slow.command_id), 'cancelled')
})

test('a run waits for the command that it has submitted, over a restart and when no answer of that is kept any more', async (t) => {
  const dataDir = testFolder(t)
  const first = await startTestNexus(t, { dataDir })
  const handler = { type: 'command', command: 'x', target: { device_id: 'd' } } as const
  const { task_id } = await first.client.tasks.create({ name: 'x', type: 'one_time', handler })
  const commands = async (client: NexusClient) => (await client.commands.list()).commands
  await until('the command is there', async () => (await commands(first.client)).length > 0)
  await first.stop()
  const state = new DatabaseSync(join(dataDir, 'state.db'))
  state.exec('delete from idempotency')
  state.close()

  const second = await startTestNexus(t, { dataDir })
  const client = createClient({ url: second.url, apiKey: first.key, retry: false })
  const run = () => client.tasks.runs.list({ task_id }).then(({ runs }) => runs[0]!)
  await until('it is taken over', async () => (await run()).attempt === 2)
  const [order] = (await client.commands.lease({ device_id: 'd', wait_seconds: 10 }))!.executions
  const { execution_id, lease_token } = order!
  await client.executions.result({ execution_id, lease_token, status: 'completed', result: { n: 1 } })
  const ended = await until('its end', async () => (await run()).completed_at !== null && run())
  deepEqual([ended.status, (ended.result as { result: { n: number } }).result.n], ['completed', 1])
  equal((await commands(client)).length, 1)
})

test('a run whose command failed submits another with its next attempt', async (t) => {
  const { client } = await startTestNexus(t)
  const handler = { type: 'command', command: 'x', target: { device_id: 'd' } } as const
  const retry_policy = { max_retries: 1, initial_delay_seconds: 0 }
  const { task_id } = await client.tasks.create({ name: 'x', type: 'one_time', handler, retry_policy })
  for (const status of ['failed', 'completed'] as const) {
    const [order] = (await client.commands.lease({ device_id: 'd', wait_seconds: 10 }))!.executions
    const { execution_id, lease_token } = order!
    await client.executions.result({ execution_id, lease_token, status })
  }
  await until('its end', async () => (await client.tasks.runs.list({ task_id })).runs[0]!.status === 'completed')
  equal((await client.commands.list()).commands.length, 2)
})

test('who may not do what a task does may not say with what it is done', async (t) => {
  const nexus = await startTestNexus(t)
  const handler = { type: 'command', command: 'x', target: { device_id: 'd' } } as const
  const schedule = { cron: '0 0 1 1 *' }
  const { task_id } = await nexus.client.tasks.create({ name: 'x', type: 'scheduled', schedule, handler })
  const toAll = await nexus.client.tasks.create({
    name: 'x',
    type: 'scheduled',
    schedule,
    handler: { type: 'command', command: 'restart', target: { all: true } },
  })
  const parameters = { mode: 'other' }
  const [none, diagnostic, bound, every] = await Promise.all([
    nexus.as({ scopes: ['task:write'] }),
    nexus.as({ scopes: ['task:write', 'command:execute:diagnostic'] }),
    nexus.as({ scopes: ['task:write', 'command:execute'], device_id: 'd' }),
    nexus.as({ scopes: ['task:write', 'command:execute'] }),
  ])
  for (const [{ client }, id, refusal] of [
    [none, task_id, forbidden('handler.command', 'command:execute:custom')],
    [diagnostic, task_id, forbidden('handler.command', 'command:execute:custom')],
    [diagnostic, toAll.task_id, forbidden('handler.command', 'command:execute:system')],
    [bound, toAll.task_id, forbidden('handler.target.all', 'admin')],
    [every, toAll.task_id, forbidden('handler.target.all', 'admin')],
  ] as const) {
    await rejects(client.tasks.execute({ task_id: id, parameters }), refusal)
    await rejects(client.tasks.update({ task_id: id, parameters }), refusal)
    await client.tasks.execute({ task_id: id })
  }
  await bound.client.tasks.execute({ task_id, parameters })
  await nexus.client.tasks.update({ task_id, handler: { target: { device_id: 'other' } } })
  await rejects(bound.client.tasks.execute({ task_id, parameters }), forbidden('handler.target'))
})

test('what is wrong with a handler is told of the one that is meant', async (t) => {
  const nexus = await startTestNexus(t)
  const faults: [handler: object, field: string, issue: RegExp][] = [
    [{ type: 'nope' }, 'handler.type', /one of worker, http, command, telemetry_query/],
    [{ type: 'telemetry_query', query: { last: '1x' } }, 'handler.query.last', /must/],
    [{ type: 'command', command: 're start', target: { device_id: 'd' } }, 'handler.command', /must/],
    [{ type: 'command', command: 'x', target: {} }, 'handler.target', /names no device/],
    [{ type: 'telemetry_query', query: { last: '999999d' } }, 'handler.query.last', /3650d/],
    [
      { type: 'telemetry_query', query: { last: '1h', aggregation: 'avg', fill: 'linear' } },
      'handler.query.fill',
      /interval/,
    ],
    [{ type: 'http', url: 'https://example.com', headers: { Host: 'h' } }, 'handler.headers.Host', /set by Nexus/],
    [{ type: 'http', url: 'https://example.com', headers: { 'a b': 'h' } }, 'handler.headers.a b', /name must match/],
  ]
  for (const [handler, field, issue] of faults) {
    const answer = await nexus.request('/v1/tasks', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'x', type: 'one_time', handler }),
    })
    const { error } = (await answer.json()) as {
      error: { details: { field: string; issue: string; errors: unknown[] } }
    }
    deepEqual([error.details.field, error.details.errors.length], [field, 1], JSON.stringify(error))
    ok(issue.test(error.details.issue), error.details.issue)
  }
})
