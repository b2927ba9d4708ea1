import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { taskLimits } from '@nexus/contract'
import { httpResult } from './http-result.ts'

const max = taskLimits.resultBytesMax
const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

test('an answer is what its JSON says, or its text, as large as a result may be', () => {
  const rows = { rows: Array.from({ length: 4000 }, (_, id) => ({ id, name: `row ${id}` })) }
  deepEqual(httpResult(200, JSON.stringify(rows), true), { status: 200, body: rows })
  deepEqual(httpResult(200, 'plain', true), { status: 200, body: 'plain' })
  deepEqual(httpResult(204, null, true), { status: 204, body: null })
  const most = 'x'.repeat(max - size({ status: 200, body: '' }))
  deepEqual(httpResult(200, most, true), { status: 200, body: most })
  const deep = '['.repeat(50_000) + ']'.repeat(50_000)
  deepEqual(httpResult(200, deep, true), { status: 200, body: deep })
})

test('of one that is larger, or broke off, the beginning is kept, and it is said so', () => {
  deepEqual(httpResult(200, '{"a":1', false), { status: 200, body: '{"a":1', truncated: true })
  deepEqual(httpResult(200, '{"a":1}', false), { status: 200, body: '{"a":1}', truncated: true })
  deepEqual(httpResult(200, null, false), { status: 200, body: '', truncated: true })
  for (const unit of ['x', '"', '\u0001', 'ü', '😀', 'xxxxx""']) {
    const text = unit.repeat(max)
    const result = httpResult(200, text, true)
    const body = result.body as string
    equal(result.truncated, true)
    ok(size(result) <= max && size(result) > 0.9 * max, `${unit}: ${size(result)}`)
    ok(text.startsWith(body) && body.isWellFormed(), unit)
  }
})
