import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { createClient } from '@redis/client'
import {
  createRateLimits,
  createSharedWindows,
  type RateLimitOptions,
  type RateLimits,
  type SharedWindows,
} from '../../../auth/index.ts'
import { openRedisCounts } from '../redis.ts'

export interface InstallationUnderTest {
  name: 'memory' | 'Redis'
  /** Why it can't be tested here. */
  skip?: string
  /** An installation of its own for one test, removed when the test ends. */
  fresh(t: TestContext): Installation
}

export interface Installation {
  /** The same for all nodes; the test turns it. */
  clock: { now(): number; turn(ms: number): void }
  node(options: Pick<RateLimitOptions, 'limits'>): NodeUnderTest
  /** Lets the windows that are there end. */
  endWindows(): Promise<void>
}

export interface NodeUnderTest {
  limits: RateLimits
  /** Tells what was spent, and hears of the other nodes. */
  exchange(): Promise<void>
}

/** Longer than a loaded machine needs. */
export const patientMs = 10_000

export const redisUrl = process.env.NEXUS_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379'

/** Memory always; Redis where `NEXUS_TEST_REDIS_URL` is reachable, and in CI it must be. */
export async function installationsUnderTest(): Promise<InstallationUnderTest[]> {
  const skip = await redisUnreachable()
  return [
    { name: 'memory', fresh: inMemory },
    { name: 'Redis', fresh: (t) => onRedis(t), ...(skip !== undefined && { skip }) },
  ]
}

/** Why Redis can't be tested here; undefined: it can. */
export async function redisUnreachable(): Promise<string | undefined> {
  const unreachable = await withRedis((client) => client.sendCommand(['PING'])).then(
    () => undefined,
    (error) => `Redis can't be reached at NEXUS_TEST_REDIS_URL: ${error}`,
  )
  if (unreachable !== undefined && process.env.CI === 'true') throw new Error(unreachable)
  return unreachable
}

/** Names that begin with it belong to one test, and go when it ends. */
export function freshPrefix(t: TestContext): string {
  const prefix = `nexus-test-${randomBytes(6).toString('hex')}:`
  t.after(() => removeKeys(prefix))
  return prefix
}

export async function keysOf(prefix: string): Promise<string[]> {
  return withRedis((client) => client.sendCommand<string[]>(['KEYS', `${prefix}*`]))
}

export async function removeKeys(prefix: string): Promise<void> {
  const keys = await keysOf(prefix)
  if (keys.length > 0) await withRedis((client) => client.sendCommand(['DEL', ...keys]))
}

async function connectRedis() {
  const client = createClient({ url: redisUrl, socket: { connectTimeout: 2000, reconnectStrategy: false } })
  client.on('error', () => {})
  return client.connect()
}

export async function withRedis<T>(work: (client: Awaited<ReturnType<typeof connectRedis>>) => Promise<T>): Promise<T> {
  const client = await connectRedis()
  try {
    return await work(client)
  } finally {
    client.destroy()
  }
}

export function fakeClock() {
  let now = 1_800_000_000_500
  return {
    now: () => now,
    turn(ms: number) {
      now += ms
    },
  }
}

function inMemory(): Installation {
  const clock = fakeClock()
  return {
    clock,
    node: ({ limits }) => ({ limits: createRateLimits({ limits, clock }), exchange: async () => {} }),
    endWindows: async () => clock.turn(60_000),
  }
}

function onRedis(t: TestContext): Installation {
  const clock = fakeClock()
  const prefix = freshPrefix(t)
  return {
    clock,
    node({ limits }) {
      const shared = sharedOnRedis(t, { url: redisUrl, prefix, clock })
      return { limits: createRateLimits({ limits, clock, shared }), exchange: shared.exchange }
    },
    async endWindows() {
      clock.turn(60_000)
      await removeKeys(`${prefix}rate:`)
    },
  }
}

export function sharedOnRedis(
  t: TestContext,
  { clock, ...options }: { url: string; prefix: string; clock: { now(): number } },
): SharedWindows & { logged: string[] } {
  const logged: string[] = []
  const log = {
    info: (_fields: object, message: string) => void logged.push(`info: ${message}`),
    warn: (_fields: object, message: string) => void logged.push(`warn: ${message}`),
  }
  const shared = createSharedWindows({ counts: openRedisCounts({ ...options, answerMsMax: patientMs }), clock, log })
  t.after(shared.stop)
  return { ...shared, logged }
}
