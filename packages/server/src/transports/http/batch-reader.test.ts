import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startThread, type Thread } from '../../core/thread.ts'
import { createBlockWriter } from '../../storage/telemetry/frame-writer.ts'
import { readFrame } from '../../telemetry/frame.ts'
import type { WrittenPack } from '../../telemetry/index.ts'
import { type BatchReader, openBatchReader } from './batch-reader.ts'
import { type BatchReading, createBatchReading } from './read-batch.ts'

const file = new URL('../../batch-reader-thread.ts', import.meta.url)
const startReading = () => startThread<BatchReading>(file, undefined)

function open(t: TestContext, start = startReading): BatchReader {
  const reader = openBatchReader(start, createBatchReading(createBlockWriter()))
  t.after(() => reader.close())
  return reader
}

const all = ({ pack }: WrittenPack) => Array.from(pack.each(), (read) => structuredClone(read))
const frame = (m: number) => JSON.stringify({ device_id: 'd', timestamp: 1762134000, metrics: { m } })

/** As it is, and so long that it is read in the thread. */
const both = (body: string) => [body, body + ' '.repeat(20 * 1024)].map((text) => Buffer.from(text))

test('a body is read as lines and as an array, with what stands beside its frames, small or large', async (t) => {
  const reader = open(t)
  const long = `{"device_id":"${'x'.repeat(500_000)}"}`
  for (const body of both(`${frame(1)}\nno json\n{"metrics":{"m":NaN}}\n[1]\n${long}\n`)) {
    const { frames } = await reader.read(body, 'lines', 5)
    deepEqual(all(frames), [
      readFrame(JSON.parse(frame(1)), 5),
      { field: '', issue: 'is not valid JSON' },
      { field: '', issue: 'is not valid JSON: NaN and Infinity are not readings' },
      { field: '', issue: 'must be a JSON object' },
      { field: '', issue: 'has more than 65536 bytes' },
    ])
  }
  for (const body of both(`{"ack":"memory","frames":[${frame(1)},{}]}`)) {
    const { frames, rest } = await reader.read(body, 'array', 5)
    deepEqual(rest, { ack: 'memory' })
    deepEqual(all(frames), [readFrame(JSON.parse(frame(1)), 5), { field: 'device_id', issue: 'is required' }])
  }
})

/** An INVALID_REQUEST as `invalid` makes it. */
function refusal(field: string, issue: string) {
  return { code: 'INVALID_REQUEST', details: { field, issue, errors: [{ field, issue }] } }
}

test('a body that is no batch is refused, with its field and what is wrong', async (t) => {
  const reader = open(t)
  for (const body of both('[{')) await rejects(reader.read(body, 'array', 5), refusal('body', 'is not valid JSON'))
})

test('while a large batch is read, others have their turn', async (t) => {
  const reader = await openWithThread(t)
  const body = Buffer.from(Array.from({ length: 10_000 }, (_, i) => frame(i)).join('\n'))
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const { frames } = await reader.read(body, 'lines', 5)
  clearImmediate(immediate)
  equal(frames.pack.length, 10_000)
  ok(turns > 5, `${turns} turns`)
})

test('a small batch waits for no large one', async (t) => {
  const reader = await openWithThread(t)
  const order: string[] = []
  const large = reader.read(Buffer.from(`${frame(1)}\n`.repeat(5000)), 'lines', 5).then(() => order.push('large'))
  const small = reader.read(Buffer.from(frame(1)), 'lines', 5).then(() => order.push('small'))
  await Promise.all([large, small])
  deepEqual(order, ['small', 'large'])
})

/** Its thread has started. */
async function openWithThread(t: TestContext): Promise<BatchReader> {
  const reader = open(t)
  await reader.read(both(frame(1))[1]!, 'lines', 5)
  return reader
}

/** Threads that answer with their number, and die when they are told to. */
function fakeThreads(opening: () => Promise<unknown> = async () => {}) {
  const threads: { isAlive: boolean }[] = []
  const start = async (): Promise<Thread<BatchReading>> => {
    const thread = { isAlive: true }
    const refused = { field: `thread ${threads.push(thread)}`, issue: 'answers' }
    await opening()
    return {
      call: async () => (thread.isAlive ? { refused } : Promise.reject(new Error('ended'))) as never,
      isAlive: () => thread.isAlive,
      async close() {
        thread.isAlive = false
      },
    }
  }
  return { threads, start }
}

const readLarge = (reader: BatchReader) => reader.read(both('x')[1]!, 'array', 5)

test('one thread is started, by the first bodies that need it', async (t) => {
  const { threads, start } = fakeThreads()
  const reader = open(t, start)
  await reader.read(Buffer.from(frame(1)), 'lines', 5)
  equal(threads.length, 0)
  await Promise.all([1, 2, 3].map(() => rejects(readLarge(reader), refusal('thread 1', 'answers'))))
})

test('another thread takes the place of one that has died', async (t) => {
  const { threads, start } = fakeThreads()
  const reader = open(t, start)
  await rejects(readLarge(reader), refusal('thread 1', 'answers'))
  threads[0]!.isAlive = false
  for (let i = 0; i < 2; i++) await rejects(readLarge(reader), refusal('thread 2', 'answers'))
})

test('a thread that cannot be started fails the bodies that wait for it, and is tried again', async (t) => {
  let isFailing = true
  const { start } = fakeThreads(async () => isFailing && Promise.reject(new Error('no memory')))
  const reader = open(t, start)
  await Promise.all([1, 2].map(() => rejects(readLarge(reader), { message: 'no memory' })))
  isFailing = false
  await rejects(readLarge(reader), refusal('thread 2', 'answers'))
})

test('closed while its thread is being started, it reads what waits, ends the thread, and starts no other', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { threads, start } = fakeThreads(() => promise)
  const reader = open(t, start)
  const reading = rejects(readLarge(reader), refusal('thread 1', 'answers'))
  const closing = reader.close()
  resolve()
  await Promise.all([reading, closing])
  await rejects(readLarge(reader), { code: 'SERVICE_UNAVAILABLE', details: { reason: 'stopping' } })
  deepEqual(threads, [{ isAlive: false }])
})

test('closed, it refuses what needs the thread, also as long as that still runs', async (t) => {
  const { start } = fakeThreads()
  const reader = open(t, start)
  await rejects(readLarge(reader), refusal('thread 1', 'answers'))
  const closing = reader.close()
  await rejects(readLarge(reader), { code: 'SERVICE_UNAVAILABLE', details: { reason: 'stopping' } })
  await closing
})

test('closed while its thread cannot be started, it tells what waits, and is closed', async (t) => {
  const { promise, reject } = Promise.withResolvers<void>()
  const reader = open(t, fakeThreads(() => promise).start)
  const reading = rejects(readLarge(reader), { message: 'no memory' })
  const closing = reader.close()
  reject(new Error('no memory'))
  await Promise.all([reading, closing])
})

test('more bodies than may wait are refused, and taken again later', async (t) => {
  const reader = open(t)
  const body = () => Buffer.alloc(30 * 1024 * 1024, '\n')
  const reading = [reader.read(body(), 'lines', 5), reader.read(body(), 'lines', 5)]
  await rejects(reader.read(body(), 'lines', 5), { code: 'SERVICE_UNAVAILABLE', retryAfterSeconds: 1 })
  await Promise.all(reading)
  equal((await reader.read(Buffer.from(frame(1)), 'lines', 5)).frames.pack.length, 1)
})

test('what stands beside the frames may not be deep', async (t) => {
  const deep = `{"frames":[],"x":${'['.repeat(9000)}${']'.repeat(9000)}}`
  await rejects(open(t).read(Buffer.from(deep), 'array', 5), { code: 'INVALID_REQUEST' })
})
