import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { checkSchema, schemaFaults } from './schema.ts'

const repeated = (text: string, length = 190_000) => text.repeat(Math.ceil(length / text.length)).slice(0, length)

test('of a small value up to twenty faults are told, of a large one the first, however many there are', () => {
  const required = Array.from({ length: 20 }, (_, n) => `field_${n}`)
  const schema = { items: { type: 'object', required } }
  equal(schemaFaults(schema, [{}, {}], 'result').length, 20)
  const first = { field: 'result.0.field_0', issue: "must have required property 'field_0'" }
  const many = Array.from({ length: 64_000 }, () => ({}))
  deepEqual(schemaFaults(schema, many, 'result'), [first])
})

test('a schema of many properties checks a long list in one of them', () => {
  const names = Array.from({ length: 300 }, (_, n) => `property_${n}`)
  const schema = { properties: Object.fromEntries(names.map((name) => [name, { items: { type: 'number' } }])) }
  checkSchema(schema, 'result_schema')
  deepEqual(schemaFaults(schema, { property_7: Array.from({ length: 90_000 }, (_, n) => n) }, 'result'), [])
})

const formats: [format: string, good: string, hostile: string[]][] = [
  ['date', '2026-05-01', ['1-']],
  ['time', '12:00:00Z', ['1:']],
  ['date-time', '2026-05-01T12:00:00Z', ['2026-05-01T', 't']],
  ['duration', 'P1DT2H', ['P1D', '1']],
  ['uri', 'https://example.com/a?b#c', ['http://:', 'a:', '%41', 'a://b@']],
  ['uri-reference', '../a/b?c', ['/a', '%41', '::']],
  ['email', 'a.b@example.com', ['a.', 'a@a.', 'a@a-', "'"]],
  ['hostname', 'a-b.example.com', ['a-', 'a.', '-']],
  ['ipv4', '10.0.0.1', ['1.', '25']],
  ['ipv6', '2001:db8::1', ['1:', '::']],
  ['uuid', '123e4567-e89b-12d3-a456-426614174000', ['a', '-']],
  ['json-pointer', '/a/~0b', ['/~0', '/a']],
]
for (const [format, good, hostile] of formats)
  test(`the format ${format} is known, and comes to an end whatever the text is`, () => {
    const schema = { type: 'string', format }
    deepEqual(schemaFaults(schema, good, 'result'), [])
    for (const text of hostile)
      for (const end of ['', '!', '\u0000']) schemaFaults(schema, repeated(text) + end, 'result')
  })

test('formats that may take for ever are refused', () => {
  for (const format of ['url', 'regex', 'nothing'])
    throws(() => checkSchema({ format }, 'result_schema'), { code: 'VALIDATION_ERROR' })
})

test('references may not multiply what is asked of a value', () => {
  const many = (of: object) => ({ anyOf: Array.from({ length: 60 }, () => of) })
  const definitions = { few: many({ minProperties: 1e6 }), list: many({ $ref: '#/definitions/few' }) }
  throws(() => checkSchema({ definitions, $ref: '#/definitions/list' }, 'result_schema'), { code: 'VALIDATION_ERROR' })
})

test('an enum tells texts from what reads as they do', () => {
  const schema = { enum: ['1', 2, { a: [1] }] }
  for (const value of ['1', 2, { a: [1] }]) equal(schemaFaults(schema, value, 'result').length, 0)
  for (const value of [1, '2', '{"a":[1]}', '"1"']) equal(schemaFaults(schema, value, 'result').length, 1)
})
