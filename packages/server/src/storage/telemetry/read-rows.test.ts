import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { readRows } from './read-rows.ts'

const rows = Array.from({ length: 40_000 }, (_, i) => [i, `line\n${'é'.repeat(i % 7)}`, null, i / 7])
const text = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))

async function* cut(size: number) {
  for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size)
}

test('rows are read the same however an answer is cut', async () => {
  for (const size of [text.length, 300_000, 65_536, 4099]) deepEqual(await readRows(cut(size)), rows, String(size))
  async function* of(...parts: string[]) {
    for (const part of parts) yield Buffer.from(part)
  }
  deepEqual(await readRows(of()), [])
  deepEqual(await readRows(of('', '[1', ']\n[2]\n', '')), [[1], [2]])
  deepEqual(await readRows(of('[1]\n[2]')), [[1], [2]])
})

test('an answer that comes at once lets others run while it is read', async () => {
  let others = 0
  const other = setInterval(() => others++, 0)
  await readRows(cut(text.length))
  clearInterval(other)
  equal(others > 0, true)
})
