import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { boundedPage } from './bounded-page.ts'
import { decodeCursor } from './paging.ts'

/**
 * Pages through numbers below `count`, each shown as so many bytes; tells the sizes of the pages and how many rows were
 * read.
 */
async function walk(count: number, limit: number, bytesOf: (n: number) => number) {
  const seen: number[] = []
  const pages: number[] = []
  let reads = 0
  for (let first = -1; ; ) {
    const { shown, next } = await boundedPage({
      limit,
      read: async (after: number | undefined, most) => {
        const from = (after ?? first) + 1
        const rows = Array.from({ length: Math.max(0, Math.min(most, count - from)) }, (_, i) => from + i)
        reads += rows.length
        return rows
      },
      show: async (rows) => rows.map((n) => ({ n, pad: 'x'.repeat(bytesOf(n)) })),
      position: (n) => [n],
    })
    ok(shown.length <= 1 || JSON.stringify(shown).length <= 4.1 * 1024 * 1024)
    seen.push(...shown.map(({ n }) => n))
    pages.push(shown.length)
    if (next === null) break
    first = decodeCursor(next, ['number'])[0] as number
  }
  deepEqual(
    seen,
    Array.from({ length: count }, (_, n) => n),
  )
  return { pages, reads }
}

test('pages of small rows have as many as were asked for', async () => {
  deepEqual((await walk(250, 100, () => 10)).pages, [100, 100, 50])
  deepEqual((await walk(100, 100, () => 10)).pages, [100])
  deepEqual((await walk(0, 100, () => 10)).pages, [0])
  deepEqual((await walk(3, 1, () => 10)).pages, [1, 1, 1])
})

test('pages of large rows are bounded in bytes, have one at least, and leave none out', async () => {
  const { pages, reads } = await walk(60, 100, () => 250_000)
  equal(pages[0], 16)
  ok(reads < 120, `${reads}`)
  equal((await walk(5, 100, () => 5_000_000)).pages[0], 1)
  await walk(200, 100, (n) => (n % 50 === 49 ? 3_000_000 : 100))
})
