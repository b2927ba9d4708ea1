import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createRateLimits, type RateLimits, type WindowPart } from '../../auth/index.ts'
import type { Principal } from '../../core/context.ts'
import { startTcpRelay } from '../../testing/tcp-relay.ts'
import { until } from '../../testing/until.ts'
import { openRedisCounts } from './redis.ts'
import {
  fakeClock,
  freshPrefix,
  keysOf,
  patientMs,
  redisUnreachable,
  redisUrl,
  removeKeys,
  sharedOnRedis,
  withRedis,
} from './testing/installations-under-test.ts'

const skip = (await redisUnreachable()) ?? false
const principal: Principal = {
  keyId: 'key-a',
  scopes: [],
  deviceId: null,
  agentId: null,
  rateLimits: {},
  secretTag: '',
}
const limit = 100

/** Two nodes of one installation, each with a way of its own to Redis. */
async function twoNodes(t: TestContext) {
  const clock = fakeClock()
  const prefix = freshPrefix(t)
  const node = async () => {
    const relay = await startTcpRelay(t, redisUrl)
    const shared = sharedOnRedis(t, { url: relay.url, prefix, clock })
    const limits = createRateLimits({ limits: { task: limit }, clock, shared })
    await shared.exchange()
    return { limits, relay, shared, exchange: shared.exchange, logged: shared.logged }
  }
  const a = await node()
  const b = await node()
  await a.exchange()
  return { a, b }
}

/** How many of so many requests are let through. */
function letThrough({ limits }: { limits: RateLimits }, requests: number): number {
  let count = 0
  for (let i = 0; i < requests; i++) if (!limits.spend(principal, { rate: 'task' }).exceeded) count++
  return count
}

test('two nodes let through no more than the limit, and what came to each since it last heard', { skip }, async (t) => {
  const { a, b } = await twoNodes(t)
  const round = 10
  let through = 0
  for (let i = 0; i < 20; i++) {
    through += letThrough(a, round) + letThrough(b, round)
    await Promise.all([a.exchange(), b.exchange()])
  }
  ok(through >= limit && through <= limit + 2 * round, `${through}`)
})

test('two nodes that tell after every request are over the limit by one request at most', { skip }, async (t) => {
  const { a, b } = await twoNodes(t)
  let through = 0
  for (let i = 0; i < 70; i++) {
    for (const node of [a, b]) {
      through += letThrough(node, 1)
      await node.exchange()
    }
  }
  ok(through === limit || through === limit + 1, `${through}`)
})

test('a burst on all nodes at once lets through no more than the limit on each, and only once', { skip }, async (t) => {
  const { a, b } = await twoNodes(t)
  equal(letThrough(a, 500) + letThrough(b, 500), 2 * limit)
  await Promise.all([a.exchange(), b.exchange()])
  await Promise.all([a.exchange(), b.exchange()])
  equal(letThrough(a, 500) + letThrough(b, 500), 0)
})

test('without Redis each node keeps to its part of the limit, warns once, and counts for all again by itself', {
  skip,
}, async (t) => {
  const { a, b } = await twoNodes(t)
  for (const { relay, exchange } of [a, b]) {
    relay.cut()
    await exchange()
  }
  deepEqual([letThrough(a, 500), letThrough(b, 500)], [limit / 2, limit / 2])
  for (let i = 0; i < 3; i++) await a.exchange()
  equal(a.logged.length, 1)
  ok(a.logged[0]?.startsWith('warn: '), a.logged[0])

  a.relay.mend()
  await a.exchange()
  equal(a.logged.length, 2)
  ok(a.logged[1]?.startsWith('info: '), a.logged[1])
})

test('without Redis the nodes share what was left when they heard last', { skip }, async (t) => {
  const { a, b } = await twoNodes(t)
  equal(letThrough(a, 60), 60)
  await a.exchange()
  equal(letThrough(b, 1), 1)
  for (const { relay, exchange } of [b, a]) {
    await exchange()
    relay.cut()
    await exchange()
  }
  // The one has told 60 and heard of none, the other has told 1 and heard of 60.
  deepEqual([letThrough(a, 500), letThrough(b, 500)], [20, 20])
})

test('a node that never reached Redis keeps to the limit by itself', { skip }, async (t) => {
  const relay = await startTcpRelay(t, redisUrl)
  relay.cut()
  const clock = fakeClock()
  const shared = sharedOnRedis(t, { url: relay.url, prefix: freshPrefix(t), clock })
  await shared.exchange()
  equal(letThrough({ limits: createRateLimits({ limits: { task: limit }, clock, shared }) }, 500), limit)
  equal(shared.logged.length, 1)
})

test('started nodes hear of each other by themselves', { skip }, async (t) => {
  const { a, b } = await twoNodes(t)
  for (const { shared } of [a, b]) shared.start()
  equal(letThrough(a, limit), limit)
  await until('the other node refuses', async () => letThrough(b, 1) === 0)
})

const part: WindowPart = { window: 'w', part: '0', spent: 1, endsInMs: 60_000, heard: false }

function openCounts(t: TestContext, prefix: string) {
  const counts = openRedisCounts({ url: redisUrl, prefix, answerMsMax: patientMs })
  t.after(() => counts.close())
  return counts
}

test('a part that is told twice counts once, and parts of a node and of others add up', { skip }, async (t) => {
  const prefix = freshPrefix(t)
  const [one, other] = [openCounts(t, prefix), openCounts(t, prefix)]
  const tell = async (counts: typeof one, name: string, spent: number) =>
    (await counts.exchange([{ ...part, part: name, spent }])).windows[0]?.spent
  equal(await tell(one, '0', 5), 5)
  equal(await tell(one, '0', 5), 5)
  equal(await tell(one, '0', 7), 7)
  equal(await tell(one, '1', 2), 9)
  equal(await tell(other, '0', 3), 12)
})

test('a window ends when its first part says, and is not made longer', { skip }, async (t) => {
  const counts = openCounts(t, freshPrefix(t))
  equal((await counts.exchange([{ ...part, endsInMs: 40_000 }])).windows[0]?.endsInMs, 40_000)
  const later = await counts.exchange([{ ...part, part: '1', endsInMs: 60_000 }])
  ok(later.windows[0]!.endsInMs <= 40_000)
})

test('a window that was heard of does not begin anew in its last second, but does when Redis forgot it', {
  skip,
}, async (t) => {
  const prefix = freshPrefix(t)
  const counts = openCounts(t, prefix)
  const last = await counts.exchange([{ ...part, heard: true, endsInMs: 999 }])
  deepEqual(last.windows, [{ spent: 0, endsInMs: 0 }])
  deepEqual(await keysOf(`${prefix}rate:`), [])
  const forgotten = await counts.exchange([{ ...part, heard: true, spent: 5, endsInMs: 30_000 }])
  deepEqual(forgotten.windows, [{ spent: 5, endsInMs: 30_000 }])
})

test('windows are answered in the order in which they were asked for', { skip }, async (t) => {
  const counts = openCounts(t, freshPrefix(t))
  const parts = Array.from({ length: 500 }, (_, i) => ({ ...part, window: `w${i}`, spent: i + 1 }))
  const { windows } = await counts.exchange(parts)
  deepEqual(
    windows.map(({ spent }) => spent),
    parts.map(({ spent }) => spent),
  )
})

test('all that is kept begins with the prefix and goes by itself', { skip }, async (t) => {
  const prefix = freshPrefix(t)
  await openCounts(t, prefix).exchange([part])
  const kept = await keysOf(prefix)
  deepEqual(kept.sort(), [`${prefix}nodes`, `${prefix}rate:w`])
  const ttls = await withRedis((client) => Promise.all(kept.map((key) => client.sendCommand<number>(['PTTL', key]))))
  ok(ttls.every((ms) => ms > 0 && ms <= 60_000))
})

test('nodes are those that were heard of in the last 15 s and have not left', { skip }, async (t) => {
  const prefix = freshPrefix(t)
  const [one, other] = [openCounts(t, prefix), openCounts(t, prefix)]
  equal((await one.exchange([])).nodes, 1)
  equal((await other.exchange([])).nodes, 2)
  await withRedis((client) => client.sendCommand(['ZADD', `${prefix}nodes`, String(Date.now() - 60_000), 'gone']))
  equal((await one.exchange([])).nodes, 2)
  await other.close()
  equal((await one.exchange([])).nodes, 1)
})

test('a Redis that has started anew, without the script, is asked all the same', { skip }, async (t) => {
  const prefix = freshPrefix(t)
  const counts = openCounts(t, prefix)
  await counts.exchange([part])
  await withRedis((client) => client.sendCommand(['SCRIPT', 'FLUSH']))
  await removeKeys(prefix)
  equal((await counts.exchange([part])).windows[0]?.spent, 1)
})

test('a Redis that says nothing is given up, and asked over a new connection', { skip }, async (t) => {
  const relay = await startTcpRelay(t, redisUrl)
  const counts = openRedisCounts({ url: relay.url, prefix: freshPrefix(t), answerMsMax: 1000 })
  t.after(() => counts.close())
  await counts.exchange([part])
  relay.silence()
  await rejects(counts.exchange([part]), /Redis does not answer/)
  relay.mend()
  equal((await counts.exchange([part])).windows[0]?.spent, 1)
})

test('a wrong password is a Redis that does not answer, and is not told', { skip }, async (t) => {
  const url = new URL(redisUrl)
  url.username = 'nobody'
  url.password = 'hush-hush'
  const counts = openRedisCounts({ url: url.href, prefix: freshPrefix(t) })
  t.after(() => counts.close())
  await rejects(counts.exchange([]), (error: Error) => !`${error.message} ${error.cause}`.includes('hush-hush'))
})
