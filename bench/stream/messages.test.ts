import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { countOf, framesOf, linesOf, mark, messagesOf } from './messages.ts'

test('every message has the mark once, and is of about 200 bytes as an event of a stream', () => {
  for (const { type, id, payload } of messagesOf(1000)) {
    const text = `event: ${type}\nid: ${id}\ndata: ${JSON.stringify(payload)}\n\n`
    equal(countOf(mark, Buffer.from(text)), 1)
    ok(Math.abs(text.length - 200) <= 5, `${text.length} bytes`)
  }
})

test('a batch has as many devices as frames, so that none of them gives way to another', () => {
  const lines = linesOf(framesOf(1000)).toString().trimEnd().split('\n')
  equal(new Set(lines.map((line) => JSON.parse(line).device_id)).size, 1000)
})

test('a byte is counted wherever it stands', () => {
  equal(countOf(mark, Buffer.from('')), 0)
  equal(countOf(mark, Buffer.from('|a||b|')), 4)
  equal(countOf(mark, Buffer.from('|a||b|').subarray(1, 3)), 1)
})
