import { deepEqual, equal, match } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunOrder } from '@nexus/contract'
import { Change } from '../change.ts'
import type { CallOptions, Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import { Pace } from '../pace.ts'
import { type RetryPolicy, retryDefaults } from '../retry.ts'
import { Leasing } from './leasing.ts'

interface Call {
  id: string
  input: Record<string, unknown>
  answer(output: unknown): void
  fail(error: Error): void
}

/** Everything that is ready to run has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))
const orders = (...ids: string[]) => ids.map((run_id) => ({ run_id })) as RunOrder[]
const away = () => new NexusError('SERVICE_UNAVAILABLE', 'away', { status: 0 })

/** A worker with room for so many, of which the test answers the calls. */
function begin(t: TestContext, concurrency: number, sleep: RetryPolicy['sleep'] = async () => {}) {
  const calls: Call[] = []
  const held = new Set<string>()
  const errors: Error[] = []
  const limited: number[] = []
  const change = new Change()
  let isOver = false
  const invoke = (id: string, input: Record<string, unknown>, { signal }: CallOptions = {}) =>
    new Promise((resolve, reject) => {
      if (isOver) return resolve({ runs: [] })
      signal!.addEventListener('abort', () => reject(signal!.reason))
      calls.push({ id, input, answer: resolve, fail: reject })
    })
  const leasing = new Leasing({
    invoke: invoke as Invoke,
    policy: { ...retryDefaults, maxDelayMs: 5000, random: () => 0, sleep },
    pace: new Pace({ atOnce: 32, perSecond: 1e6 }),
    timeoutMs: 1000,
    workerId: 'w',
    queues: undefined,
    names: () => ['x'],
    room: () => concurrency - held.size,
    moved: () => change.next,
    move: () => change.tell(),
    take: ({ run_id }) => void held.add(run_id),
    limited: (ms) => limited.push(ms),
    onError: (error) => errors.push(error),
  })
  const ended = leasing.run()
  t.after(() => {
    isOver = true
    return stop()
  })
  const stop = () => {
    leasing.stop()
    change.tell()
    return ended
  }
  const end = (...ids: string[]) => {
    for (const id of ids) held.delete(id)
    change.tell()
  }
  const last = () => calls.at(-1)!
  return {
    leasing,
    calls,
    held,
    errors,
    limited,
    end,
    stop,
    last,
    ids: () => calls.map(({ id }) => id.replace('workers.', '')),
  }
}

/** The same, with all places taken. */
async function full(t: TestContext, concurrency: number) {
  const worker = begin(t, concurrency)
  await settled()
  worker.last().answer({ runs: orders(...Array.from({ length: concurrency }, (_, n) => `run-${n}`)) })
  await settled()
  return worker
}

test('while a poll is open a report asks for nothing, and without a place neither does the poll', async (t) => {
  const { leasing, calls, last, ids } = begin(t, 2)
  await settled()
  equal(leasing.ask(1), undefined)
  last().answer({ runs: orders('a') })
  // In the same turn, too: the next poll follows at once.
  equal(leasing.ask(1), undefined)
  await settled()
  equal(calls[1]!.input.max, 1)
  last().answer({ runs: orders('b') })
  await settled()
  deepEqual(ids(), ['lease', 'lease'])
})

test('a report that frees more places than the open poll is for asks for them, and both together for no more than there are', async (t) => {
  const { leasing, held, end, last, ids } = begin(t, 4)
  await settled()
  last().answer({ runs: orders('a', 'b', 'c') })
  await settled()
  deepEqual([ids(), last().input.max], [['lease', 'lease'], 1])
  equal(leasing.ask(1), undefined)
  const asked = leasing.ask(3)!
  equal(asked.max, 3)
  last().answer({ runs: orders('d') })
  await settled()
  end('a', 'b', 'c')
  await settled()
  // These places are asked for already.
  deepEqual(ids(), ['lease', 'lease'])
  leasing.given(asked, orders('e', 'f', 'g'))
  await settled()
  deepEqual(
    [[...held], ids()],
    [
      ['d', 'e', 'f', 'g'],
      ['lease', 'lease'],
    ],
  )
})

test('a report asks for the places that it frees and those that are free, and the poll goes on where nothing was ready', async (t) => {
  const { leasing, held, end, last, ids } = await full(t, 3)
  const asked = leasing.ask(2)!
  deepEqual([asked.max, asked.names], [2, ['x']])
  match(asked.poll_id!, /^[0-9a-f]{32}$/)
  end('run-0', 'run-1')
  await settled()
  // These places are asked for already.
  deepEqual(ids(), ['lease'])
  leasing.given(asked, orders('next'))
  await settled()
  deepEqual([[...held], ids(), last().input.max], [['run-2', 'next'], ['lease', 'lease'], 1])
})

test('what was asked for by a report whose answer never came is given back, though no place is free', async (t) => {
  const { leasing, last, ids } = await full(t, 1)
  const asked = leasing.ask(1)!
  leasing.unanswered(asked, away())
  await settled()
  deepEqual([ids(), last().input.poll_ids], [['lease', 'release'], [asked.poll_id]])
  last().answer({ runs: [] })
  await settled()
  deepEqual(ids(), ['lease', 'release'])
  const again = leasing.ask(1)!
  leasing.unanswered(again, new NexusError('INVALID_REQUEST', 'no', { status: 400 }))
  await settled()
  deepEqual(ids(), ['lease', 'release'])
})

test('whoever stops asks for nothing, and gives back what a report that is under way may bring', async (t) => {
  const { leasing, held, stop, last, ids } = await full(t, 1)
  const asked = leasing.ask(1)!
  const stopped = stop()
  await settled()
  deepEqual([ids(), last().input.poll_ids], [['lease', 'release'], [asked.poll_id]])
  last().answer({ runs: [] })
  await stopped
  leasing.given(asked, orders('late'))
  deepEqual([[...held], leasing.ask(1)], [['run-0'], undefined])
})

test('a poll that breaks off is given back before the next, however often that takes', async (t) => {
  const { leasing, calls, errors, last, ids } = begin(t, 1)
  await settled()
  last().fail(away())
  await settled()
  deepEqual([ids(), last().input.poll_ids], [['lease', 'release'], [calls[0]!.input.poll_id]])
  last().fail(away())
  await settled()
  equal(ids().at(-1), 'release')
  last().answer({ runs: [] })
  await settled()
  deepEqual([ids().at(-1), errors.length, leasing.ask(1)], ['lease', 2, undefined])
})

/** Sleeps as long as the test likes, or until the signal ends it. */
function sleeper() {
  const slept: { ms: number; end(): void }[] = []
  const sleep: RetryPolicy['sleep'] = (ms, signal) =>
    new Promise((resolve, reject) => {
      slept.push({ ms, end: resolve })
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
  return { slept, sleep }
}

test('a poll that the rate limit refuses is made again when the server says, whatever else it answers', async (t) => {
  const { slept, sleep } = sleeper()
  const { leasing, limited, last, ids } = begin(t, 1, sleep)
  await settled()
  last().fail(new NexusError('RATE_LIMIT_EXCEEDED', 'later', { status: 429, retryAfterSeconds: 57 }))
  await settled()
  leasing.heard()
  await settled()
  deepEqual([slept.map(({ ms }) => ms), limited, ids()], [[57_000], [57_000], ['lease']])
  slept[0]!.end()
  await settled()
  deepEqual(ids(), ['lease', 'lease'])
})

test('while the server is away polls rest five seconds at most, and the next is made once it answers anything', async (t) => {
  const { slept, sleep } = sleeper()
  const { leasing, last, ids } = begin(t, 1, sleep)
  await settled()
  const failed = async (count: number) => {
    for (let n = 0; n < count; n++) {
      last().fail(away())
      await settled()
      if (n < count - 1) slept.at(-1)!.end()
      await settled()
    }
  }
  await failed(7)
  equal(Math.max(...slept.map(({ ms }) => ms)), 5000)
  const before = ids().length
  leasing.heard()
  await settled()
  equal(ids().length, before + 1)
  // Once: what refuses polls alone is not asked again and again.
  last().fail(away())
  await settled()
  leasing.heard()
  await settled()
  equal(ids().length, before + 1)
})
