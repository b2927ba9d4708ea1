import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { rateDefaults } from '@nexus/contract'
import type { Principal } from '../../core/context.ts'
import type { Installation, InstallationUnderTest } from './testing/installations-under-test.ts'

const principal: Principal = {
  keyId: 'key-a',
  scopes: [],
  deviceId: null,
  agentId: null,
  rateLimits: {},
  secretTag: '',
}

const task = { bucket: 'task', reserved: 0 }

/** What rate limits guarantee wherever they are counted. */
export function rateLimitsSuite({ name, skip, fresh }: InstallationUnderTest): void {
  const guarantee = (title: string, body: (installation: Installation, t: TestContext) => Promise<void>) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, (t) => body(fresh(t), t))

  guarantee('the limit is reached exactly, and the window ends 60 s after its first hit', async ({ node, clock }) => {
    const { limits, exchange } = node({ limits: { task: 2 } })
    const spend = async () => {
      const status = limits.spend(principal, { rate: 'task' })
      await exchange()
      return status
    }
    deepEqual(await spend(), { ...task, limit: 2, remaining: 1, reset: 1_800_000_061, exceeded: false })
    clock.turn(30_000)
    deepEqual(await spend(), { ...task, limit: 2, remaining: 0, reset: 1_800_000_061, exceeded: false })
    deepEqual(await spend(), { ...task, limit: 2, remaining: 0, reset: 1_800_000_061, exceeded: true })
    deepEqual(await spend(), { ...task, limit: 2, remaining: 0, reset: 1_800_000_061, exceeded: true })
  })

  guarantee('after a window the next begins, with the whole limit', async ({ node, endWindows }) => {
    const { limits, exchange } = node({ limits: { task: 1 } })
    limits.spend(principal, { rate: 'task' })
    equal(limits.spend(principal, { rate: 'task' }).exceeded, true)
    await exchange()
    await endWindows()
    deepEqual(limits.spend(principal, { rate: 'task' }), {
      ...task,
      limit: 1,
      remaining: 0,
      reset: 1_800_000_121,
      exceeded: false,
    })
    await exchange()
    equal(limits.spend(principal, { rate: 'task' }).exceeded, true)
  })

  guarantee(
    'what takes work leaves a quarter of the bucket to what keeps it, however often it is tried',
    async ({ node }) => {
      const { limits, exchange } = node({ limits: { work: 8 } })
      const spend = async (yields: boolean) => {
        const status = limits.spend(principal, { rate: 'work', yields })
        await exchange()
        return status
      }
      const takes = { bucket: 'work', limit: 8, reserved: 2, reset: 1_800_000_061 }
      for (let remaining = 5; remaining >= 0; remaining--) {
        equal(limits.hasRoom(principal, 'work'), true)
        deepEqual(await spend(true), { ...takes, remaining, exceeded: false })
      }
      for (let n = 0; n < 5; n++) deepEqual(await spend(true), { ...takes, remaining: 0, exceeded: true })
      equal(limits.hasRoom(principal, 'work'), true)
      deepEqual(await spend(false), { ...takes, reserved: 0, remaining: 1, exceeded: false })
      // The call that asks has spent: by now a taking one would have been refused.
      equal(limits.hasRoom(principal, 'work'), false)
      deepEqual((await spend(false)).exceeded, false)
      deepEqual((await spend(false)).exceeded, true)
    },
  )

  guarantee('buckets, keys and addresses are counted apart', async ({ node }) => {
    const { limits, exchange } = node({ limits: { task: 1, other: 1 } })
    const spends = [
      () => limits.spend(principal, { rate: 'task' }),
      () => limits.spend(principal, { rate: 'other' }),
      () => limits.spend({ ...principal, keyId: 'key-b' }, { rate: 'task' }),
      () => limits.spendAddress('192.0.2.1', 'other'),
      () => limits.spendAddress('192.0.2.2', 'other'),
    ]
    for (const exceeded of [false, true]) {
      for (const spend of spends) {
        equal(spend().exceeded, exceeded)
        await exchange()
      }
    }
  })

  guarantee('the addresses of one IPv6 network share a window', async ({ node }) => {
    const { limits, exchange } = node({ limits: { other: 1 } })
    equal(limits.spendAddress('2001:db8:1:2::1', 'other').exceeded, false)
    await exchange()
    equal(limits.spendAddress('2001:db8:1:2::2', 'other').exceeded, true)
  })

  guarantee('a limit of the key itself wins, and what is left out keeps the default', async ({ node }) => {
    const { limits, exchange } = node({ limits: { task: 7 } })
    const strict = { ...principal, rateLimits: { task: 1 } }
    equal(limits.spend(strict, { rate: 'task' }).limit, 1)
    await exchange()
    equal(limits.spend(strict, { rate: 'task' }).exceeded, true)
    equal(limits.spend({ ...principal, keyId: 'key-b' }, { rate: 'task' }).limit, 7)
    equal(limits.spend(principal, { rate: 'ai' }).limit, rateDefaults.ai)
  })

  guarantee('off never exceeds, and tells that all is left', async ({ node }) => {
    const { limits, exchange } = node({ limits: 'off' })
    for (let i = 0; i < rateDefaults.command; i++) limits.spend(principal, { rate: 'command' })
    await exchange()
    deepEqual(limits.spend(principal, { rate: 'command' }), {
      ...task,
      bucket: 'command',
      limit: 100,
      remaining: 100,
      reset: 1_800_000_061,
      exceeded: false,
    })
  })
}
