import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { rateDefaults } from '@nexus/contract'
import { newKey } from './auth/index.ts'
import { freshPrefix, redisUnreachable, redisUrl } from './storage/rate-limits/testing/installations-under-test.ts'
import { spawnNexus } from './testing/child-nexus.ts'
import { startTestNexus, testFolder } from './testing/nexus.ts'
import { until } from './testing/until.ts'

const skip = (await redisUnreachable()) ?? false
const limit = 30
const rateLimits = { ...rateDefaults, other: limit }

test('what was spent on one node is refused on another, under the same headers', { skip }, async (t) => {
  const key = newKey()
  const redisPrefix = freshPrefix(t).replace(/:$/, '')
  const one = await startTestNexus(t, { rateLimits, adminKey: key, redisUrl, redisPrefix })
  const other = await spawnNexus(t, {
    NEXUS_DATA_DIR: testFolder(t),
    NEXUS_ADMIN_KEY: key,
    NEXUS_RATE_LIMITS: `other=${limit}`,
    NEXUS_REDIS_URL: redisUrl,
    NEXUS_REDIS_PREFIX: redisPrefix,
  })
  const statuses: number[] = []
  for (let i = 0; i < limit + 1; i++) statuses.push((await one.request('/v1/auth/keys')).status)
  deepEqual(statuses, [...Array(limit).fill(200), 429])

  const refused = await until('the other node refuses', async () => {
    const answer = await fetch(`${other.url}/v1/auth/keys`, { headers: { authorization: `Bearer ${key}` } })
    return answer.status === 429 && answer
  })
  const headers = ['limit', 'remaining', 'reset'].map((name) => Number(refused.headers.get(`x-ratelimit-${name}`)))
  deepEqual(headers.slice(0, 2), [limit, 0])
  ok(headers[2]! * 1000 > Date.now() - 1000)
  ok(Number(refused.headers.get('retry-after')) >= 1)
})

test('a server whose Redis is away starts and keeps to the limit', async (t) => {
  const nexus = await startTestNexus(t, {
    rateLimits,
    redisUrl: 'redis://127.0.0.1:1',
    redisPrefix: 'nexus-test-away',
  })
  for (let i = 0; i < limit; i++) equal((await nexus.request('/v1/auth/keys')).status, 200)
  equal((await nexus.request('/v1/auth/keys')).status, 429)
})
