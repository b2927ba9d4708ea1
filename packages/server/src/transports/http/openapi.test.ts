import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorTable, type Operation, operation, operations } from '@nexus/contract'
import Type from 'typebox'
import { openApiDocument } from './openapi.ts'

interface Document {
  paths: Record<string, Record<string, PathOperation>>
  components: { schemas: Record<string, unknown>; responses: Record<string, unknown> }
  tags: { name: string }[]
}
interface PathOperation {
  operationId: string
  tags: string[]
  parameters?: { name?: string; in?: string; required?: boolean; $ref?: string; explode?: boolean }[]
  requestBody?: { required: boolean; content: Record<string, unknown> }
  responses: Record<string, { headers?: Record<string, unknown>; content?: Record<string, unknown> }>
  'x-required-scope': string | string[] | null
}

const options = { version: '1.2.3', serverUrl: '/' }
const all: Operation[] = Object.values(operations)
const document = openApiDocument(all, options) as unknown as Document

function at(route: string): PathOperation {
  const [method, path] = route.split(' ') as [string, string]
  return document.paths[path]![method.toLowerCase()]!
}

test('every route of every operation is present, with its scope and an id of its own', () => {
  const ids = new Set<string>()
  for (const declared of all) {
    for (const route of declared.http) {
      assert.deepEqual(at(route)['x-required-scope'], declared.scope, route)
      ids.add(at(route).operationId)
    }
    assert.equal(at(declared.http[0]).operationId, declared.id)
  }
  assert.equal(ids.size, all.flatMap((declared) => declared.http).length)
  assert.equal(at('POST /v1/telemetry/query').operationId, 'telemetry.query.post')
})

test('every error that an operation declares has a response', () => {
  for (const declared of all) {
    for (const code of declared.errors) {
      assert.ok(String(errorTable[code].http) in at(declared.http[0]).responses, `${declared.id} ${code}`)
    }
  }
})

test('every reference resolves, and nothing hidden is left in the JSON', () => {
  const text = JSON.stringify(document)
  for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let node: unknown = document
    for (const part of path!.split('/')) node = (node as Record<string, unknown>)[part]
    assert.ok(node, path)
  }
  assert.doesNotMatch(text, /"~\w+":|"\$id":|"nullable":/)
})

test('what the path names is no longer asked for in the body or the query', () => {
  const { parameters, requestBody } = at('PATCH /v1/auth/keys/{key_id}')
  assert.deepEqual(
    parameters?.map((one) => [one.name, one.in, one.required]),
    [['key_id', 'path', true]],
  )
  assert.equal(requestBody?.required, false)
  assert.doesNotMatch(JSON.stringify(document.components.schemas.AuthKeysUpdateBody), /key_id/)
})

test('a GET takes the flat input as query parameters, lists comma-separated', () => {
  const { parameters, requestBody } = at('GET /v1/telemetry/query')
  assert.equal(requestBody, undefined)
  assert.ok(parameters?.some((one) => one.name === 'start_time' && one.in === 'query' && one.required))
  assert.equal(parameters?.find((one) => one.name === 'metrics')?.explode, false)
})

test('a success of 204 has no body, and alternatives have their media types', () => {
  assert.equal(at('DELETE /v1/auth/keys/{key_id}').responses[204]?.content, undefined)
  assert.deepEqual(Object.keys(at('GET /v1/telemetry/query').responses[200]?.content ?? {}), [
    'application/json',
    'text/csv',
    'application/x-ndjson',
  ])
  assert.ok(at('GET /v1/telemetry/query').responses[406])
})

test('an operation that is idempotent takes the header, and no other does', () => {
  for (const declared of all) {
    const refs = JSON.stringify(at(declared.http[0]).parameters ?? [])
    assert.equal(refs.includes('IdempotencyKey'), declared.idempotent, declared.id)
  }
})

test('frames may say in the query how durable the answer is', () => {
  for (const route of ['POST /v1/telemetry/frames', 'POST /v1/telemetry/frames/batch'] as const) {
    const ack = at(route).parameters?.find((one) => 'name' in one && one.name === 'ack')
    assert.deepEqual((ack as { in?: string; schema?: { enum?: string[] } }).schema?.enum, ['durable', 'memory'], route)
  }
})

test('a batch that is accepted in part or not at all is described', () => {
  const batch = at('POST /v1/telemetry/frames/batch')
  assert.deepEqual(Object.keys(batch.requestBody?.content ?? {}), ['application/json', 'application/x-ndjson'])
  assert.ok(batch.responses[207])
  assert.match(JSON.stringify(batch.responses[400]), /TelemetryFramesBatchOutput/)
})

test('a limited call says when to come back', () => {
  assert.match(JSON.stringify(document.components.responses.Error429), /Retry-After/)
})

test('a body that only names the path is no body', () => {
  const start = operation({
    id: 'tasks.start',
    summary: 'Start',
    effect: 'write',
    scope: null,
    rate: 'task',
    http: 'POST /v1/tasks/{task_id}/start',
    input: Type.Object({ task_id: Type.String() }),
    output: Type.Object({}),
  })
  const { paths } = openApiDocument([start as Operation], options) as unknown as Document
  assert.equal(paths['/v1/tasks/{task_id}/start']?.post?.requestBody, undefined)
})
