import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { createFrameWriter } from './frame-writer.ts'
import { joinBlocks } from './join-blocks.ts'
import { NativeReader } from './native-reader.ts'

function blockOf(frames: number, metric = 'm'): Buffer {
  const frame = (i: number) => ({
    ...{ deviceId: `d${i}`, at: i, tags: undefined, metadata: undefined, frameId: undefined },
    points: [{ metric: `${metric}${i}`, kind: 'number' as const, num: i, str: '' }],
  })
  return Buffer.from(createFrameWriter().write([Array.from({ length: frames }, (_, i) => frame(i))]).block)
}
const rowsOf = (block: Buffer) => new NativeReader(block).block(9)

test('small blocks become one, and a large one stays as it is, in its place', async () => {
  const large = blockOf(2000)
  const joined = await joinBlocks([blockOf(1), blockOf(2), large, blockOf(4), blockOf(300)])
  deepEqual(joined.map(rowsOf), [3, 2000, 304])
  equal(joined[1], large)
})

test('a block that has no small one beside it is not made anew', async () => {
  const [small, large] = [blockOf(1), blockOf(2000)]
  deepEqual(await joinBlocks([small, large]), [small, large])
  deepEqual(await joinBlocks([]), [])
})

test('what becomes one is bounded', async () => {
  const block = blockOf(200, 'a metric with a name that takes some room in a block ')
  const joined = await joinBlocks(Array<Buffer>(500).fill(block))
  ok(joined.length > 1)
  equal(
    joined.map(rowsOf).reduce((sum, rows) => sum + rows),
    100_000,
  )
})

test('a block that was cut off is refused, wherever that was', async () => {
  const block = blockOf(3)
  for (let length = 1; length < block.length; length++)
    await rejects(joinBlocks([block.subarray(0, length), blockOf(1)]), Error, `${length} bytes`)
})

test('what is no block of frames is refused, and never guessed at', async () => {
  const other = Buffer.concat([Buffer.from([1, 1, 1]), Buffer.from('a'), Buffer.from([5]), Buffer.from('Int64')])
  await rejects(joinBlocks([other, blockOf(1)]), /1 columns/)
})
