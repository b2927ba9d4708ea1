import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { schemaFaults } from './schema.ts'

const table: [title: string, schema: object, value: unknown, faults: string[]][] = [
  ['items that differ', { uniqueItems: true }, [1, '1', true, null, [1], { a: 1 }], []],
  ['the same number twice', { uniqueItems: true }, [1, 2, 1.0], ['must NOT have duplicate items']],
  [
    'objects that differ in the order of keys',
    { uniqueItems: true },
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    ['must NOT have duplicate items'],
  ],
  ['what need not be unique', { uniqueItems: false }, [1, 1], []],
  ['unique items of what is no list', { uniqueItems: true }, { a: 1 }, []],
  ['one of a list', { enum: [1, 'a', null, { a: { b: 1, c: 2 } }] }, { a: { c: 2, b: 1 } }, []],
  ['none of a list', { enum: [1, 'a', null] }, '1', ['must be equal to one of the allowed values']],
  ['what is contained', { contains: { type: 'string' } }, [1, 'a'], []],
  [
    'what is contained, by reference',
    { definitions: { a: { enum: ['a'] } }, contains: { $ref: '#/definitions/a' } },
    [1, 'a'],
    [],
  ],
  [
    'what is not contained',
    { contains: { anyOf: [{ type: 'string' }, { minimum: 3 }] } },
    [1, 2],
    ['must contain at least 1 valid item(s)'],
  ],
  ['anything that is contained', { contains: true }, [1], []],
  ['nothing that is contained', { contains: {} }, [], ['must contain at least 1 valid item(s)']],
  ['one of long values', { enum: [{ a: ['x'.repeat(90), 1] }] }, { a: ['x'.repeat(90), 1] }, []],
  [
    'none of long values',
    { enum: [{ a: ['x'.repeat(90), 1] }] },
    { a: ['x'.repeat(90), 2] },
    ['must be equal to one of the allowed values'],
  ],
  ['a list that is not another', { enum: [[1, 2]] }, [2, 1], ['must be equal to one of the allowed values']],
]

for (const [title, schema, value, faults] of table) {
  test(`by JSON Schema: ${title}`, () => {
    const found = schemaFaults(schema, value, 'parameters')
    deepEqual(
      found.map(({ issue }) => issue),
      faults,
    )
  })
}

test('however often a schema asks whether items are unique, and in however many lists they stand, each of them is read once', () => {
  let read = 0
  const item = {
    get it() {
      read++
      return 'item'
    },
  }
  const here = { allOf: Array.from({ length: 200 }, () => ({ uniqueItems: true })) }
  const inside = { ...here, items: { ...here, items: here } }
  equal(schemaFaults(inside, [[[item, 1], 2], 3], 'parameters').length, 0)
  // And once to see how large the value is.
  equal(read, 2)
})
