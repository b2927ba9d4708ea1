import { equal, notEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { createJoin } from './join.ts'

const join = createJoin((item: { text: string }, name: string) => Buffer.from(`${name}${item.text};`))
const items = (...texts: string[]) => texts.map((text) => ({ text }))

test('what fits into one piece is the same piece for all who are sent the same', () => {
  const some = items('a', 'b')
  const [first] = join(some, '1')
  equal(String(first), '1a;1b;')
  equal([...join([...some], '1')][0], first)
  const [other] = join(some, '2')
  equal(String(other), '2a;2b;')
  const [shorter] = join(some.slice(0, 1), '2')
  equal(String(shorter), '2a;')
  notEqual([...join(some, '1')][0], first)
})

test('much is told in several pieces, and nothing of it twice or not at all', () => {
  const many = items(...Array.from({ length: 1000 }, (_, index) => `${index} ${'x'.repeat(1000)}`))
  const whole = many.map(({ text }) => `#${text};`).join('')
  for (const asked of [many, [...many]]) {
    const pieces = [...join(asked, '#')]
    equal(pieces.length, 4)
    equal(Buffer.concat(pieces).toString(), whole)
  }
  equal([...join([], '#')].length, 0)
})
