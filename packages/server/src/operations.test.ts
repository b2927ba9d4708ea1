import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  formatKey,
  newKeyParts,
  type Operation,
  type OperationId,
  operations,
  type Scope,
  scopeMissing,
  scopes,
  scopesNeeded,
  successStatus,
} from '@nexus/contract'
import type { NexusClient } from '@nexus/sdk'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { envelopeIn, tellsNothing } from './testing/error-check.ts'
import { make, nothing } from './testing/make-samples.ts'
import { json, startTestNexus, type TestNexus } from './testing/nexus.ts'
import { operationRequest } from './testing/operation-request.ts'
import { type Made, sampleInputs } from './testing/sample-inputs.ts'
import { until } from './testing/until.ts'

const all = Object.values(operations) as Operation[]

async function call(nexus: TestNexus, operation: Operation, input: unknown, key: string | null, route = 0) {
  const { path, init } = operationRequest(operation, input, operation.http[route])
  const answer = await nexus.request(path, { ...init, key })
  const text = await answer.text()
  tellsNothing(text, { folder: nexus.folder })
  return { status: answer.status, text, error: answer.ok ? undefined : envelopeIn(text, answer.status) }
}

function sampleOf(operation: Operation, made: Made): Record<string, unknown> {
  return { ...sampleInputs[operation.id as OperationId](made) }
}

/** The work of a device is done with a key of its own. */
async function boundKey(nexus: TestNexus, held: readonly Scope[], { deviceId }: Made): Promise<string> {
  return (await nexus.as({ scopes: [...held], device_id: deviceId })).key
}

/** A webhook of the client's key, whose only attempt is over. */
async function makeDelivery(client: NexusClient): Promise<string> {
  const { delivery_id } = await client.webhooks.test({ url: 'https://nobody.invalid/hook' })
  await until('the webhook has failed', async () => {
    const { status } = await client.webhooks.deliveries.get({ delivery_id })
    return status === 'failed'
  })
  return delivery_id
}

test('every operation has a sample input that its schema accepts', () => {
  deepEqual(Object.keys(sampleInputs).sort(), Object.keys(operations).sort())
  for (const operation of all) ok(Compile(operation.input).Check(sampleOf(operation, nothing)), operation.id)
})

test('every operation is open to the scopes that it names and to admin, by each of its routes, and to no other', async (t) => {
  const nexus = await startTestNexus(t)
  const several = all.map(scopesNeeded).filter(({ length }) => length > 1)
  for (const held of [...scopes.map((scope) => [scope]), ...several]) {
    const { key: plain, client } = await nexus.as({ scopes: [...held] })
    const deliveryId = await makeDelivery(client)
    for (const operation of all) {
      const missing = scopeMissing(operation, held)
      for (const route of operation.http.keys()) {
        const made = missing === undefined ? await make(nexus, operation.id as OperationId, held) : nothing
        const isBound = missing === undefined && operation.rate === 'work' && !held.includes('admin')
        const key = isBound ? await boundKey(nexus, held, made) : plain
        const input = sampleOf(operation, { ...made, deliveryId })
        const { status, error, text } = await call(nexus, operation, input, key, route)
        const what = `${operation.id} with ${held}: ${JSON.stringify(error)}`
        const output = text === '' ? null : JSON.parse(text)
        if (missing === undefined) equal(status, successStatus(operation, output), what)
        else deepEqual([status, error?.code, error?.details.required_scope], [403, 'FORBIDDEN', missing], what)
      }
    }
  }
})

test('what is wrong with the scope is told before anything about the input', async (t) => {
  const nexus = await startTestNexus(t)
  const { key } = await nexus.as({ scopes: ['ai:coordinate'] })
  for (const operation of all.filter((one) => scopesNeeded(one).some((scope) => scope !== 'ai:coordinate')))
    equal((await call(nexus, operation, { no_such_field: 1 }, key)).status, 403, operation.id)
})

test('without a key, or with what is none, every operation answers 401', async (t) => {
  const nexus = await startTestNexus(t)
  for (const operation of all) {
    for (const key of [null, 'garbage', 'nxs_live_', `${nexus.key}x`, `${nexus.key.slice(0, -1)}~`]) {
      const { status, error } = await call(nexus, operation, sampleOf(operation, nothing), key)
      deepEqual([status, error?.code], [401, 'UNAUTHORIZED'], `${operation.id} ${key}`)
    }
  }
})

const unusableKeys: Record<string, (nexus: TestNexus) => Promise<string>> = {
  'of nobody': async () => {
    const { id, secret } = newKeyParts((count) => randomBytes(count))
    return formatKey(id, secret)
  },
  'with another secret': async ({ key }) => {
    const [, , id] = key.split('_')
    return formatKey(id!, newKeyParts((count) => randomBytes(count)).secret)
  },
  revoked: async (nexus) => {
    const made = await nexus.client.auth.keys.create({ name: 'revoked', scopes: ['admin'] })
    equal((await nexus.request('/v1/auth/keys', { key: made.key })).status, 200)
    await nexus.client.auth.keys.revoke({ key_id: made.key_id })
    return made.key
  },
  expired: async (nexus) => {
    const expires_at = new Date(Date.now() + 1000).toISOString()
    const { key } = await nexus.client.auth.keys.create({ name: 'expired', scopes: ['admin'], expires_at })
    equal((await nexus.request('/v1/auth/keys', { key })).status, 200)
    await until('the key expires', async () => Date.now() > Date.parse(expires_at))
    return key
  },
}

for (const [what, make] of Object.entries(unusableKeys)) {
  test(`a key ${what} opens no operation: 401, and after ten bad keys of one address 429`, async (t) => {
    const nexus = await startTestNexus(t)
    const key = await make(nexus)
    for (const [index, operation] of all.entries()) {
      const { status, error } = await call(nexus, operation, sampleOf(operation, nothing), key)
      const expected = index < 10 ? [401, 'UNAUTHORIZED'] : [429, 'RATE_LIMIT_EXCEEDED']
      deepEqual([status, error?.code], expected, operation.id)
    }
    equal((await nexus.request('/v1/auth/keys')).status, 200)
  })
}

/** A value that the field cannot take, as far as the way there can carry one; `undefined`: there is none. */
function wrongFor(schema: TSchema, inQuery: boolean): unknown {
  const candidates = inQuery ? ['\u0001', '-1', 'x'] : [{ wrong: true }, 'wrong\u0001', 1.5]
  const check = Compile(schema)
  return candidates.find((value) => !check.Check(value) && !check.Check(Number(value)))
}

test('a value of the wrong type is refused with the name of its field, for every field of every operation', async (t) => {
  const nexus = await startTestNexus(t)
  for (const operation of all) {
    const made = await make(nexus, operation.id as OperationId)
    const { properties = {} } = operation.input as TSchema & { properties?: Record<string, TSchema> }
    for (const [index, route] of operation.http.entries()) {
      for (const [name, schema] of Object.entries(properties).filter(([name]) => !route.includes(`{${name}}`))) {
        const wrong = wrongFor(schema, /^(GET|DELETE)/.test(route))
        if (wrong === undefined) continue
        const input = { ...sampleOf(operation, made), [name]: wrong }
        const { status, error } = await call(nexus, operation, input, nexus.key, index)
        deepEqual([status, error?.code], [400, 'INVALID_REQUEST'], `${route} ${name} = ${JSON.stringify(wrong)}`)
        const named = String(error?.details.field)
        ok(named === name || named.startsWith(`${name}.`), `${route} ${name}: names ${named}`)
      }
    }
  }
})

test('a required field that is missing, and a field that nobody knows, are named, for every operation', async (t) => {
  const nexus = await startTestNexus(t)
  for (const operation of all) {
    const made = await make(nexus, operation.id as OperationId)
    const { required = [] } = operation.input as TSchema & { required?: string[] }
    for (const [index, route] of operation.http.entries()) {
      for (const name of required.filter((name) => !route.includes(`{${name}}`))) {
        const { [name]: _, ...input } = sampleOf(operation, made)
        const { status, error } = await call(nexus, operation, input, nexus.key, index)
        deepEqual([status, error?.code, error?.details.field], [400, 'INVALID_REQUEST', name], `${route} ${name}`)
      }
      for (const name of ['no_such_field', '__proto__', 'constructor']) {
        const input = Object.fromEntries([...Object.entries(sampleOf(operation, made)), [name, 'x']])
        const { status, error } = await call(nexus, operation, input, nexus.key, index)
        deepEqual([status, error?.code, error?.details.field], [400, 'INVALID_REQUEST', name], `${route} ${name}`)
      }
    }
  }
})

test('a body that is no JSON object is refused by every operation that takes one', async (t) => {
  const nexus = await startTestNexus(t)
  for (const operation of all) {
    for (const route of operation.http.filter((each) => !/^(GET|DELETE)/.test(each))) {
      const { path, init } = operationRequest(operation, sampleOf(operation, nothing), route)
      for (const body of ['{', '"text"', '7', 'null', '[7]', '\ufeff{}', '{"a":1}}', Buffer.from([0x7b, 0xff, 0x7d])]) {
        const answer = await nexus.request(path, { ...init, body })
        equal(answer.status, 400, `${route} ${body}`)
        equal(envelopeIn(await answer.text(), 400).code, 'INVALID_REQUEST')
      }
    }
  }
})

test('a key that is bound to a device sends its own frames alone, also within a batch', async (t) => {
  const nexus = await startTestNexus(t)
  const { key } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'mine' })
  const [mine, other] = [
    { device_id: 'mine', metrics: { m: 1 } },
    { device_id: 'other', metrics: { m: 1 } },
  ]
  equal((await nexus.request('/v1/telemetry/frames', { ...json(mine), key })).status, 201)
  const refused = await nexus.request('/v1/telemetry/frames', { ...json(other), key })
  const error = envelopeIn(await refused.text(), 403)
  deepEqual([error.code, error.details.field], ['FORBIDDEN', 'device_id'])
  const batch = await nexus.request('/v1/telemetry/frames/batch', { ...json([mine, other, mine, other]), key })
  equal(batch.status, 207)
  const { accepted, results } = (await batch.json()) as { accepted: number; results: { error?: { code: string } }[] }
  equal(accepted, 2)
  deepEqual(
    results.map((result) => result.error?.code),
    [undefined, 'FORBIDDEN', undefined, 'FORBIDDEN'],
  )
  deepEqual(
    (await nexus.client.telemetry.latest()).devices.map(({ device_id }) => device_id),
    ['mine'],
  )
})
