import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../core/failure.ts'
import { keyWith, openCommandsRoom } from '../testing/commands-room.ts'
import { admin } from '../testing/telemetry-room.ts'

const minute = 60_000

test('the category rules: attempts, order, time to live, unless the request says otherwise', async (t) => {
  const { submit, lease, call } = await openCommandsRoom(t)
  const { command_id } = await submit({ command: 'reload' })
  const { category, delivery, timeout_seconds } = await call('commands.get', { command_id })
  deepEqual([category, delivery.ttl_seconds, delivery.max_attempts, delivery.order], ['service', 3600, 3, 'on_result'])
  equal(timeout_seconds, 60)
  await submit({ command: 'restart' })
  await submit({ command: 'health_check' })
  deepEqual(
    (await lease()).map(({ command }) => command),
    ['reload', 'health_check'],
  )
  deepEqual((await call('commands.get', { command_id: (await submit({ command: 'stop' })).command_id })).waiting_for, {
    reason: 'behind_another',
  })
})

test('a narrowed key executes and sees its category alone', async (t) => {
  const { submit, call } = await openCommandsRoom(t)
  const { command_id } = await submit({ command: 'restart' })
  const narrowed = keyWith(['command:execute:diagnostic'])
  const target = { device_id: 'd' }
  const own = await call('commands.execute', { command: 'health_check', target }, narrowed)
  await rejects(
    call('commands.execute', { command: 'restart', target }, narrowed),
    (failure: Failure) => failure.details.required_scope === 'command:execute:system',
  )
  await rejects(call('commands.get', { command_id }, narrowed), { code: 'NOT_FOUND' })
  await rejects(call('commands.cancel', { command_id }, narrowed), { code: 'NOT_FOUND' })
  const { commands } = await call('commands.list', {}, narrowed)
  deepEqual(
    commands.map((command) => command.command_id),
    [own.command_id],
  )
})

test('what a command is, its name says, not the request of a narrowed key', async (t) => {
  const { submit, call } = await openCommandsRoom(t)
  const narrowed = keyWith(['command:execute:diagnostic'])
  const target = { device_ids: ['a', 'b'] }
  for (const command of ['shutdown', 'restart', 'unknown'])
    for (const key of command === 'unknown' ? [narrowed] : [narrowed, admin]) {
      const failure: Failure = await call('commands.execute', { command, category: 'diagnostic', target }, key).then(
        () => Promise.reject(new Error(`${command} was taken`)),
        (cause) => cause,
      )
      equal(failure.details.field, 'category', command)
    }
  equal((await submit({ command: 'unknown', category: 'diagnostic' })).status, 'pending')
  await call('commands.definitions.put', { name: 'secret', category: 'system', defaults: { parameters: { pin: 1 } } })
  deepEqual((await call('commands.definitions.list', {}, narrowed)).definitions, [])
  await rejects(call('commands.definitions.get', { name: 'secret' }, narrowed), { code: 'NOT_FOUND' })
})

test('a key that is bound to a device changes and repeats only what is for that device', async (t) => {
  const { submit, lease, finish, call } = await openCommandsRoom(t)
  const bound = keyWith(['command:execute'], { deviceId: 'a' })
  const { command_id } = await submit({ target: { device_ids: ['a', 'b'] } })
  for (const id of ['commands.cancel', 'commands.approve', 'commands.pause'] as const)
    await rejects(call(id, { command_id }, bound), { code: 'FORBIDDEN' }, id)
  for (const device of ['a', 'b']) await finish((await lease(device))[0]!, { status: 'failed' })
  await rejects(call('commands.retry', { command_id }, bound), { code: 'FORBIDDEN' })
  const own = await call('commands.execute', { command: 'x', target: { device_id: 'a' } }, bound)
  equal((await call('commands.cancel', { command_id: own.command_id }, bound)).status, 'cancelled')
  await call('commands.retry', { command_id })
  await rejects(call('commands.retry', { command_id }), (failure: Failure) => failure.details.reason === 'retry_live')
})

test('a pattern of a definition takes linear time', async (t) => {
  const { submit, call } = await openCommandsRoom(t)
  const parameters_schema = { type: 'object', properties: { s: { type: 'string', pattern: '^(a+)+$' } } }
  await call('commands.definitions.put', { name: 'slow', category: 'custom', parameters_schema })
  await rejects(submit({ command: 'slow', parameters: { s: `${'a'.repeat(5000)}!` } }), { code: 'VALIDATION_ERROR' })
  await submit({ command: 'slow', parameters: { s: 'aaa' } })
})

test('a restart of several devices waits for consent, which nobody gives to himself', async (t) => {
  const { call, lease, pass, stands } = await openCommandsRoom(t)
  const operator = keyWith(['command:execute'])
  const other = keyWith(['command:execute'], { keyId: 'key-other' })
  const input = { command: 'restart', target: { device_ids: ['a', 'b'] } }
  const { command_id, sub_status } = await call('commands.execute', input, operator)
  equal(sub_status, 'awaiting_approval')
  deepEqual(await lease('a'), [])
  await rejects(
    call('commands.approve', { command_id }, operator),
    (failure: Failure) => failure.details.reason === 'own_command',
  )
  const approved = await call('commands.approve', { command_id }, other)
  deepEqual([approved.sub_status, approved.approved_by], [null, 'key-other'])
  equal((await lease('a')).length, 1)
  await rejects(call('commands.reject', { command_id }, other), { code: 'CONFLICT' })

  const refused = await call('commands.execute', input, operator)
  const { status, status_reason } = await call('commands.reject', { command_id: refused.command_id }, other)
  deepEqual([status, status_reason], ['cancelled', 'approval_rejected'])

  const forgotten = await call('commands.execute', input, operator)
  await pass(5 * minute + 1)
  deepEqual(await stands(forgotten.command_id), ['timeout/delivery', 'timeout/delivery'])
})

test('a definition says what parameters and defaults a command has', async (t) => {
  const { submit, call, lease } = await openCommandsRoom(t)
  const parameters_schema = {
    type: 'object',
    properties: { level: { type: 'integer', minimum: 1 } },
    required: ['level'],
    additionalProperties: false,
  }
  await call('commands.definitions.put', {
    name: 'dim',
    category: 'data',
    parameters_schema,
    defaults: { parameters: { level: 3 }, timeout_seconds: 5 },
  })
  const { command_id } = await submit({ command: 'dim' })
  const { category, parameters, timeout_seconds } = await call('commands.get', { command_id })
  deepEqual([category, parameters, timeout_seconds], ['data', { level: 3 }, 5])
  await rejects(submit({ command: 'dim', parameters: { level: 0 } }), (failure: Failure) => {
    deepEqual([failure.code, failure.details.field], ['VALIDATION_ERROR', 'parameters.level'])
    return true
  })
  await rejects(submit({ command: 'dim', parameters: { colour: 'red' } }), { code: 'VALIDATION_ERROR' })
  await rejects(
    call('commands.definitions.put', { name: 'bad', category: 'data', parameters_schema: { type: 'nonsense' } }),
    { code: 'VALIDATION_ERROR' },
  )
  equal((await lease()).length, 1)
  await call('commands.definitions.delete', { name: 'dim' })
  await rejects(call('commands.definitions.get', { name: 'dim' }), { code: 'NOT_FOUND' })
})

test('a result that is against the definition is a failure that says why, and is kept', async (t) => {
  const { submit, lease, finish, call } = await openCommandsRoom(t)
  const result_schema = { type: 'object', properties: { level: { type: 'integer' } }, required: ['level'] }
  await call('commands.definitions.put', { name: 'read', category: 'custom', result_schema })
  const bad = idOf(await submit({ command: 'read' }))
  const [order] = await lease()
  await finish(order!, { result: { level: 'high' } })
  const { status, error, result } = await call('commands.get', bad)
  deepEqual(
    [status, error?.code, error?.message],
    ['failed', 'result_against_definition', 'result.level must be integer'],
  )
  deepEqual(result, { success: false, message: 'result.level must be integer', level: 'high', duration_ms: 0 })
  equal((await finish(order!, { result: { level: 'high' } })).status, 'failed')
  const good = idOf(await submit({ command: 'read' }))
  await finish((await lease())[0]!, { result: { level: 3 } })
  equal((await call('commands.get', good)).status, 'completed')
})

function idOf({ command_id }: { command_id: string }) {
  return { command_id }
}

test('a number that would be altered is refused by its field, in parameters, defaults and results', async (t) => {
  const { submit, call, lease, finish } = await openCommandsRoom(t)
  const altered = ['1e999', '9007199254740993', '-9007199254740993'].map((text) => JSON.parse(text) as number)
  for (const n of altered) {
    const refusal = (field: string) => (failure: Failure) =>
      failure.code === 'INVALID_REQUEST' && failure.details.field === field
    await rejects(submit({ parameters: { a: [1, { n }] } }), refusal('parameters.a.1.n'))
    const definition = { name: 'n', category: 'custom', defaults: { parameters: { n } } } as const
    await rejects(call('commands.definitions.put', definition), refusal('defaults.parameters.n'))
  }
  const { command_id } = await submit({ parameters: { n: Number.MAX_SAFE_INTEGER, x: 1.5e300 / 1e290 } })
  const [order] = await lease()
  await rejects(finish(order!, { result: { n: altered[1] } }), { code: 'INVALID_REQUEST' })
  await finish(order!, { result: { n: 1 } })
  equal((await call('commands.get', { command_id })).status, 'completed')
})

test('a timeout among the parameters that is none is refused, unless the request says another', async (t) => {
  const { submit, call } = await openCommandsRoom(t)
  const refused = (field: string) => (failure: Failure) =>
    failure.code === 'INVALID_REQUEST' && failure.details.field === field
  for (const timeout_seconds of ['30', 0, -1, 1e9, null, {}]) {
    await rejects(submit({ parameters: { timeout_seconds } }), refused('parameters.timeout_seconds'))
    const definition = { name: 'n', category: 'custom', defaults: { parameters: { timeout_seconds } } } as const
    await rejects(call('commands.definitions.put', definition), refused('defaults.parameters.timeout_seconds'))
  }
  const { command_id } = await submit({ parameters: { timeout_seconds: 'soon' }, timeout_seconds: 7 })
  equal((await call('commands.get', { command_id })).timeout_seconds, 7)
})

test('defaults that the definition itself refuses are refused; what a request has to complete may be missing', async (t) => {
  const { call } = await openCommandsRoom(t)
  const parameters_schema = {
    type: 'object',
    properties: { level: { $ref: '#/definitions/level' }, room: { type: 'string' } },
    required: ['level', 'room'],
    additionalProperties: false,
    definitions: { level: { type: 'integer', maximum: 10 } },
  }
  const put = (parameters: Record<string, unknown>) =>
    call('commands.definitions.put', { name: 'dim', category: 'custom', parameters_schema, defaults: { parameters } })
  for (const [bad, field] of [
    [{ level: 11 }, 'defaults.parameters.level'],
    [{ colour: 'red' }, 'defaults.parameters.colour'],
  ] as const)
    await rejects(put(bad), (failure: Failure) => {
      deepEqual([failure.code, failure.details.field], ['VALIDATION_ERROR', field])
      return true
    })
  equal((await put({ level: 3 })).name, 'dim')
})

test('a schema that refers to itself, elsewhere, or to the same over and over is refused with a clear word', async (t) => {
  const { call } = await openCommandsRoom(t)
  const twice = (name: string) => ({ allOf: [{ $ref: `#/definitions/${name}` }, { $ref: `#/definitions/${name}` }] })
  const definitions = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`d${i}`, twice(`d${i + 1}`)]))
  const issueOf = (parameters_schema: Record<string, unknown>) =>
    call('commands.definitions.put', { name: 's', category: 'custom', parameters_schema }).then(
      () => 'taken',
      (failure: Failure) => String(failure.details.issue),
    )
  const itself = 'refers to itself by #: write it out to the depth that is needed'
  equal(await issueOf({ properties: { child: { $ref: '#' } } }), itself)
  const circle = { a: { $ref: '#/definitions/b' }, b: { items: { $ref: '#/definitions/a' } } }
  equal(
    await issueOf({ definitions: circle, properties: { a: { $ref: '#/definitions/a' } } }),
    itself.replace('#', '#/definitions/a'),
  )
  equal(
    await issueOf({ properties: { a: { $ref: 'https://example.com/schema' } } }),
    'refers to https://example.com/schema: a reference begins with #/ and leads into the schema itself',
  )
  equal(
    await issueOf({ ...twice('d0'), definitions: { ...definitions, d20: {} } }),
    'comes to more than 1000 schemas by its references',
  )
  equal(await issueOf({ ...twice('d18'), definitions: { ...definitions, d20: {} } }), 'taken')
  equal(await issueOf({ properties: { a: { enum: [{ $ref: '#' }] }, $ref: {}, definitions: {} } }), 'taken')
})
