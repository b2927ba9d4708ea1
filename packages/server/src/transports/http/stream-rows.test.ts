import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { streamJson, streamRows } from './stream-rows.ts'

const rows = Array.from({ length: 20_000 }, (_, i) => ({ timestamp: `t${i}`, cpu: i / 7, text: i % 3 ? null : '"é\n' }))
const answers = [
  { query: { metrics: ['a'] }, data: [], total_points: 0, next_cursor: null },
  { query: {}, data: rows.slice(0, 2), total_points: 2, warnings: undefined },
  { query: {}, data: rows, total_points: rows.length, warnings: [{ reason: 'r', field: 'f', issue: 'i' }] },
]

test('JSON that goes out in pieces has the bytes of JSON that is made at once, and a short answer is one text', async () => {
  for (const answer of answers) {
    const sent = streamJson(answer)
    equal(typeof sent === 'string', answer.data.length < 20_000)
    const text = typeof sent === 'string' ? sent : (await sent.toArray()).join('')
    equal(text, JSON.stringify(answer))
  }
})

test('of a long answer a piece is made at a time, and others run in between', async () => {
  const data = rows.map((row) => ({ ...row, wide: 'x'.repeat(100) }))
  for (const stream of [streamJson({ data }), streamRows({ data }, 'text/csv')]) {
    ok(typeof stream !== 'string')
    let others = 0
    const other = () => {
      others++
      again = setImmediate(other)
    }
    let again = setImmediate(other)
    const pieces: string[] = []
    for await (const piece of stream) pieces.push(piece)
    clearImmediate(again)
    ok(pieces.length > 30 && others >= pieces.length - 1, `${others} turns for ${pieces.length} pieces`)
    deepEqual(
      pieces.filter(({ length }) => length > 70_000),
      [],
    )
  }
})

test('nothing more is made of an answer that nobody reads', async () => {
  let made = 0
  const row = { toJSON: () => ({ made: ++made, text: 'x'.repeat(1000) }) }
  const stream = streamJson({ data: Array.from({ length: 10_000 }, () => row) })
  ok(typeof stream !== 'string')
  for await (const _ of stream) break
  ok(made < 5000, `${made} rows`)
  ok(stream.destroyed)
})
