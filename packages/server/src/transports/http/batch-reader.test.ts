import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Thread } from '../../core/thread.ts'
import { type BatchReader, openBatchReader } from './batch-reader.ts'
import type { BatchReaderThread } from './batch-reader-thread.ts'

function open(t: TestContext, start?: Parameters<typeof openBatchReader>[0]): BatchReader {
  const reader = openBatchReader(start)
  t.after(() => reader.close())
  return reader
}

const frame = (m: number) => JSON.stringify({ device_id: 'd', timestamp: 1762134000, metrics: { m } })

test('a body is read as lines and as an array, with what stands beside its frames', async (t) => {
  const reader = open(t)
  const lines = await reader.read(Buffer.from(`${frame(1)}\nno json\n`), 'lines', 5)
  equal(lines.frames.length, 2)
  deepEqual(lines.frames.at(1), { field: '', issue: 'must be a JSON object' })
  const array = await reader.read(Buffer.from(`{"ack":"memory","frames":[${frame(1)},{}]}`), 'array', 5)
  deepEqual(array.rest, { ack: 'memory' })
  deepEqual(array.frames.at(0), lines.frames.at(0))
  deepEqual(array.frames.at(1), { field: 'device_id', issue: 'is required' })
})

/** An INVALID_REQUEST as `invalid` makes it. */
function refusal(field: string, issue: string) {
  return { code: 'INVALID_REQUEST', details: { field, issue, errors: [{ field, issue }] } }
}

test('a body that is no batch is refused, with its field and what is wrong', async (t) => {
  await rejects(open(t).read(Buffer.from('[{'), 'array', 5), refusal('body', 'is not valid JSON'))
})

test('while a large batch is read, others have their turn', async (t) => {
  const reader = open(t)
  const body = Buffer.from(Array.from({ length: 10_000 }, (_, i) => frame(i)).join('\n'))
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const { frames } = await reader.read(body, 'lines', 5)
  clearImmediate(immediate)
  equal(frames.length, 10_000)
  ok(turns > 5, `${turns} turns`)
})

test('another thread takes the place of one that has died', async (t) => {
  const threads: { alive: boolean }[] = []
  const start = async (): Promise<Thread<BatchReaderThread>> => {
    const thread = { alive: true }
    const refused = { field: `thread ${threads.push(thread)}`, issue: 'answers' }
    return { call: async () => ({ refused }) as never, isAlive: () => thread.alive, close: async () => {} }
  }
  const reader = open(t, start)
  const read = () => reader.read(Buffer.from('x'), 'array', 5)
  await rejects(read(), refusal('thread 1', 'answers'))
  threads[0]!.alive = false
  for (let i = 0; i < 2; i++) await rejects(read(), refusal('thread 2', 'answers'))
})
