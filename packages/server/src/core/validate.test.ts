import { deepEqual, doesNotMatch, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { type Operation, type OperationId, operations, scopes } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { Failure } from './failure.ts'
import { validator } from './validate.ts'

const range = { start_time: '2025-11-03T00:00:00Z', end_time: '2025-11-03T02:00:00Z' }
const aKey = { name: 'a', scopes: ['task:read'] }
const instant = 'an instant in ISO 8601 with an offset, as in 2025-11-03T01:53:54.518Z'

const aTask = { name: 'x', type: 'one_time' }

const rows: [what: string, id: OperationId, input: unknown, field: string, issue: string][] = [
  [
    'an enum lists its values',
    'telemetry.query',
    { ...range, aggregation: 'average' },
    'aggregation',
    'must be one of avg, min, max, sum, count, first, last, p50, p90, p95, p99, stddev, rate, delta, distinct',
  ],
  [
    'an item of a list of enums is named by its place',
    'auth.keys.create',
    { ...aKey, scopes: ['admin', 'telemetry:raed'] },
    'scopes.1',
    `must be one of ${scopes.join(', ')}`,
  ],
  [
    'what is missing in the arm of a union that is meant is named',
    'tasks.create',
    { ...aTask, handler: { type: 'http' } },
    'handler.url',
    'is required',
  ],
  [
    'the same further inside',
    'tasks.create',
    { ...aTask, handler: { type: 'telemetry_query' } },
    'handler.query',
    'is required',
  ],
  [
    'a union of objects tells their types',
    'tasks.create',
    { ...aTask, handler: null },
    'handler',
    'must be a JSON object whose type is one of worker, http, command, telemetry_query',
  ],
  [
    'a pattern is told in words',
    'tasks.create',
    { ...aTask, handler: { type: 'worker', queue: 'a b' } },
    'handler.queue',
    'must be a text of 1 to 64 characters: letters, digits, `_`, `.` and `-`, neither of the last two in front: where workers look for runs',
  ],
  [
    'a number tells its bounds, whichever was broken',
    'telemetry.latest',
    { limit: 0 },
    'limit',
    'must be a whole number from 1 to 1000',
  ],
  [
    'a fraction is told from a whole number',
    'telemetry.latest',
    { limit: 1.5 },
    'limit',
    'must be a whole number from 1 to 1000',
  ],
  [
    'a text tells its length',
    'auth.keys.create',
    { ...aKey, name: '' },
    'name',
    'must be a text of 1 to 128 characters',
  ],
  [
    'a list tells its length',
    'auth.keys.create',
    { ...aKey, allowed_cidrs: Array(65).fill('::1') },
    'allowed_cidrs',
    'must be a list of at most 64 items',
  ],
  [
    'a pattern is told in the words of the contract',
    'telemetry.retention.put',
    { policies: [{ metrics: '*', keep: '5' }] },
    'policies.0.keep',
    'must be a text: a number and one of h, d, w, mo, y, as in `30d`',
  ],
  [
    'a format is told by an example, with the other arm of a union',
    'auth.keys.create',
    { ...aKey, expires_at: 'tomorrow' },
    'expires_at',
    `must be ${instant}, or null`,
  ],
  [
    'a union that nothing of fits tells every arm',
    'telemetry.query',
    { ...range, start_time: true },
    'start_time',
    `must be ${instant}, or a number of at least 0`,
  ],
  [
    'a union of which an arm fits so far tells the fault inside',
    'telemetry.query',
    { ...range, metrics: ['a', ''] },
    'metrics.1',
    'must be a text of 1 to 1024 characters',
  ],
  ['what is missing is named', 'telemetry.query', { start_time: 0 }, 'end_time', 'is required'],
  [
    'an unknown field is told the one that was meant',
    'telemetry.query',
    { ...range, agregation: 'avg' },
    'agregation',
    'is not a known field: did you mean aggregation?',
  ],
  [
    'an unknown field like no other is told all',
    'telemetry.retention.put',
    { policies: [{ metrics: '*', keep: '1d', 'a/b~c': 1 }] },
    'policies.0.a/b~c',
    'is not a known field: expected one of metrics, keep',
  ],
  ['an input that is no object is the body', 'telemetry.retention.put', [], 'body', 'must be a JSON object'],
]
for (const [what, id, input, field, issue] of rows) {
  test(what, () => deepEqual(faultsOf(operations[id].input, input), [{ field, issue }]))
}

test('valid input passes as it is', () => {
  equal(validator(operations['telemetry.query'].input, 'query')(range), range)
})

test('twenty faults are listed at most, of fields whose names are cut, however much is wrong', () => {
  const unknown = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${'x'.repeat(i)}${i}`, i]))
  const faults = faultsOf(operations['auth.keys.create'].input, unknown)
  equal(faults.length, 20)
  for (const { field, issue } of faults) ok(field.length <= 129 && issue.length < 300)
})

test('no operation speaks of schemas, whatever is wrong with a field', () => {
  for (const operation of Object.values(operations) as Operation[]) {
    for (const field of Object.keys((operation.input as TSchema & { properties: object }).properties)) {
      for (const wrong of [undefined, null, true, '', ' ', 'x'.repeat(40_000), -1, 0.5, [], [[]], {}, { a: [{}] }]) {
        for (const { issue } of faultsOf(operation.input, { [field]: wrong })) {
          doesNotMatch(issue, /schema|equal to|must not|properties|undefined/, `${operation.id} ${field}`)
        }
      }
    }
  }
})

function faultsOf(schema: TSchema, input: unknown): { field: string; issue: string }[] {
  let errors: { field: string; issue: string }[] = []
  const validate = validator(schema, 'input')
  try {
    validate(input)
  } catch (failure) {
    ok(failure instanceof Failure)
    equal(failure.code, 'INVALID_REQUEST')
    errors = failure.details.errors!
    deepEqual({ field: failure.details.field, issue: failure.details.issue }, errors[0])
  }
  return errors
}
