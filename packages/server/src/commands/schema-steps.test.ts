import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { schemaFaults } from './schema.ts'
import { stepCounter } from './schema-steps.ts'

const table: [title: string, schema: object, value: unknown, questions: number][] = [
  ['each keyword', { type: 'number', minimum: 1 }, 1, 2],
  ['each name that is required', { required: ['a', 'b', 'c'] }, {}, 4],
  ['of each item', { items: { type: 'number', minimum: 1 } }, [1, 2, 3], 7],
  [
    'of each item in its place, and of the others',
    { items: [{}, { minimum: 1 }], additionalItems: { type: 'string', enum: [1] } },
    [1, 2, 3, 4],
    7,
  ],
  [
    'of each property by its name',
    { properties: { a: { type: 'number' }, b: { minimum: 1, maximum: 2 } } },
    { a: 1, b: 1, c: 1 },
    6,
  ],
  ['of each other property', { properties: { a: {} }, additionalProperties: false }, { a: 1, b: 1, c: 1 }, 5],
  ['by patterns of names', { patternProperties: { a: { type: 'number' }, b: { minimum: 1 } } }, { x: 1 }, 3],
  [
    'of what a schema is put together of',
    { allOf: [{ type: 'number' }, { anyOf: [{ minimum: 1 }, { not: { maximum: 3 } }] }] },
    1,
    6,
  ],
  [
    'of parts of one value together',
    { properties: { a: { type: 'number' } }, allOf: [{ properties: { a: { minimum: 1 } } }] },
    { a: 1 },
    7,
  ],
  [
    'by references',
    { definitions: { a: { type: 'number', minimum: 1 } }, items: { $ref: '#/definitions/a' } },
    [1, 2],
    8,
  ],
  ['nothing of what nothing is said', { properties: { a: {} } }, { b: [1, [2, 3]] }, 2],
]

for (const [title, schema, value, questions] of table) {
  test(`a check counts as a step each question of a schema to a value: ${title}`, () => {
    equal(stepCounter(schema)(value, 1000).questions, questions)
  })
}

test('a pattern counts as so many steps as it may be in states, for each character of texts and of keys', () => {
  const count = (schema: object, value: unknown) => stepCounter(schema)(value, 10_000).all
  const states = count({ pattern: '[ab]{9}$' }, 'a') - 1
  ok(states > 9)
  equal(count({ pattern: '[ab]{9}$' }, 'a'.repeat(50)), 1 + 50 * states)
  equal(count({ patternProperties: { '[ab]{9}$': {} } }, { aaaaa: 1, bb: 2 }), 1 + 7 * states)
})

test('counting goes no further than the bound, and a value beyond it is a fault that says what the bound is', () => {
  let read = 0
  const item = {
    get x() {
      read++
      return 1
    },
  }
  const required = Array.from({ length: 900 }, (_, n) => `field_${n}`)
  const schema = { items: { required, properties: { x: {} } } }
  const value = Array.from({ length: 50_000 }, () => item)
  const [fault, ...others] = schemaFaults(schema, value, 'result')
  equal(fault!.field, 'result')
  match(fault!.issue, /^would take more than 10000000 steps to check/)
  equal(others.length, 0)
  ok(read < 12_000)
  equal(schemaFaults(schema, value.slice(0, 5), 'result').length, 20)
})

test('of a large value the first fault is told, and no object made for each of the others', () => {
  const required = Array.from({ length: 20 }, (_, n) => `field_${n}`)
  const value = Array.from({ length: 64_000 }, () => ({}))
  deepEqual(schemaFaults({ items: { type: 'object', required } }, value, 'result'), [
    { field: 'result.0.field_0', issue: "must have required property 'field_0'" },
  ])
})

test('a schema that is large, and a value that is, are checked where each part of the value is asked little', () => {
  const names = Array.from({ length: 300 }, (_, n) => `property_${n}`)
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'array', items: { type: 'number' } }]))
  deepEqual(schemaFaults({ properties }, { property_7: Array.from({ length: 90_000 }, (_, n) => n) }, 'result'), [])
})
