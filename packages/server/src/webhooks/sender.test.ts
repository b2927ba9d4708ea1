import { deepEqual, equal, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { until } from '../testing/until.ts'
import { openOutbox } from './testing/outbox-room.ts'

const [second, minute, hour] = [1000, 60_000, 3_600_000]
type Outbox = Awaited<ReturnType<typeof openOutbox>>

for (const under of await enginesUnderTest()) {
  const guarantee = (title: string, body: (outbox: Outbox, t: TestContext) => Promise<void>) =>
    test(`${under.name}: ${title}`, { skip: under.skip ?? false }, async (t) => body(await openOutbox(t, under), t))

  guarantee('a message is on its way once its transaction is durable, and never if it rolls back', async (outbox) => {
    const wakes: string[] = []
    const room = outbox.roomOver({
      ...outbox.store,
      afterCommit: (tx, fn) =>
        outbox.store.afterCommit(tx, () => {
          wakes.push('committed')
          fn()
        }),
    })
    const rolledBack = outbox.store.write(async (tx) => {
      const message = { keyId: 'k', url: 'https://a.example', eventId: 'e', type: 't', payload: 1 }
      await room.enqueue({ tx, traceId: '0' }, [message])
      throw new Error('no')
    })
    await rolledBack.catch(() => {})
    deepEqual(await outbox.store.newest(9, {}), [])
    equal(await outbox.store.secret('k'), undefined)
    deepEqual(wakes, [])
    await outbox.enqueue({}, room)
    deepEqual(wakes, ['committed'])
    equal((await outbox.store.newest(9, {}))[0]?.status, 'pending')
  })

  guarantee('a failing receiver is tried ten times over three days, with the same id and body', async (outbox) => {
    const { clock, reaches, ends } = outbox
    const sender = outbox.startSender(() => ({ error: 'http_error', statusCode: 500, response: 'no' }))
    const id = await outbox.enqueue({ payload: { n: 1 } })
    sender.wake()
    const delays = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
    for (const [i, delay] of delays.entries()) {
      const waits = await reaches(id, ({ status, attempts }) => status === 'pending' && attempts === i + 1)
      equal(waits.next_attempt_at, new Date(clock.at + delay).toISOString())
      deepEqual([waits.status_code, waits.error, waits.response], [500, 'http_error', 'no'])
      clock.at += delay
      sender.wake()
    }
    const ended = await ends(id)
    deepEqual([ended.status, ended.attempts, ended.next_attempt_at], ['failed', 10, null])
    equal(new Set(sender.sent.map(({ body }) => body)).size, 1)
    equal(new Set(sender.sent.map(({ headers }) => headers['webhook-id'])).size, 1)
    equal(new Set(sender.sent.map(({ headers }) => headers['webhook-timestamp'])).size, 10)
  })

  guarantee('the sender sleeps until the next attempt is due, and wakes by itself', async (outbox) => {
    const begun = performance.now()
    let ahead = 0
    const now = () => outbox.clock.at + ahead + performance.now() - begun
    let looks = 0
    const store: Outbox['store'] = {
      ...outbox.store,
      async nextDue(except) {
        looks++
        const next = await outbox.store.nextDue(except)
        // All but the last moments of the wait are over at once.
        if (next !== undefined) ahead += Math.max(0, next - now() - 20)
        return next
      },
    }
    const id = await outbox.enqueue()
    const answers = [{ error: 'timeout' as const }, {}]
    outbox.startSender(() => answers.shift() ?? {}, { store, now: () => Math.floor(now()) })
    equal((await outbox.ends(id)).attempts, 2)
    ok(looks <= 4, `looked ${looks} times`)
  })

  guarantee('410 ends a delivery and what waits for the same key and address, and nothing else', async (outbox) => {
    const ids = {
      first: await outbox.enqueue(),
      waits: await outbox.enqueue({ eventId: 'evt-2' }),
      otherKey: await outbox.enqueue({ keyId: 'key-b' }),
      otherUrl: await outbox.enqueue({ url: 'https://hooks.example/b' }),
    }
    await outbox.store.write(async (tx) => {
      const [held] = await outbox.store.claim(tx, [ids.first], {
        now: outbox.clock.at,
        until: outbox.clock.at + 1,
        leaseToken: 'l',
      })
      const gone = { status: 'failed', error: 'gone', statusCode: 410, response: null } as const
      equal(await outbox.store.settle(tx, held!, gone, outbox.clock.at), true)
      await outbox.store.failWaiting(tx, held!, 'gone', outbox.clock.at)
    })
    const statuses = await Promise.all(Object.values(ids).map(async (id) => (await outbox.store.find(id))?.status))
    deepEqual(statuses, ['failed', 'failed', 'pending', 'pending'])
    equal((await outbox.store.find(ids.waits))?.error, 'gone')
  })

  guarantee('the sender ends what waits for an address that answers 410', async (outbox) => {
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push(await outbox.enqueue({ eventId: `evt-${i}` }))
    const sender = outbox.startSender(() => ({ error: 'gone', statusCode: 410 }), { concurrencyPerHost: 1 })
    for (const id of ids) equal((await outbox.ends(id)).error, 'gone')
    equal(sender.sent.length, 1)
  })

  guarantee('a host that does not answer holds up nobody else, however much waits for it', async (outbox) => {
    const dead: string[] = []
    for (let i = 0; i < 30; i++) dead.push(await outbox.enqueue({ url: `https://dead.example/${i}` }))
    const well = await outbox.enqueue({ url: 'https://well.example/' })
    const answered = Promise.withResolvers<object>()
    let atOnce = 0
    const sender = outbox.startSender(({ url }) => {
      if (!url.includes('dead')) return {}
      atOnce++
      return answered.promise.finally(() => atOnce--)
    })
    await outbox.ends(well)
    equal(atOnce, 2)
    const later = await outbox.enqueue({ url: 'https://well.example/' })
    sender.wake()
    await outbox.ends(later)
    equal(atOnce, 2)
    answered.resolve({})
    for (const id of dead) equal((await outbox.ends(id)).status, 'delivered')
    equal(sender.sent.length, 32)
  })

  guarantee('a key whose many hosts do not answer holds up no other key', async (outbox) => {
    for (let i = 0; i < 40; i++) await outbox.enqueue({ keyId: 'dead', url: `https://dead${i}.example/` })
    const well = await outbox.enqueue({ keyId: 'well', url: 'https://well.example/' })
    const answered = Promise.withResolvers<object>()
    let [atOnce, most] = [0, 0]
    const sender = outbox.startSender(
      ({ url }) => {
        if (!url.includes('dead')) return {}
        most = Math.max(most, ++atOnce)
        return answered.promise.finally(() => atOnce--)
      },
      { perFreeOfKey: 1 },
    )
    await outbox.ends(well)
    const later = await outbox.enqueue({ keyId: 'well', url: 'https://well.example/' })
    sender.wake()
    await outbox.ends(later)
    await until('it has its share', async () => atOnce === 4)
    answered.resolve({})
    await until('all were sent', async () => sender.sent.length === 42)
    equal(most, 4)
  })

  guarantee(
    'however many dead hosts several keys name, a key that has nothing under way has its turn',
    async (outbox) => {
      const dead = ['a', 'b', 'c', 'd', 'e', 'f']
      for (const keyId of dead)
        for (let i = 0; i < 30; i++) await outbox.enqueue({ keyId, url: `https://dead-${keyId}${i}.example/` })
      const answered = Promise.withResolvers<object>()
      const sender = outbox.startSender(({ url }) => (url.includes('dead') ? answered.promise : {}), {
        concurrency: 64,
        perFreeOfKey: 1 / 3,
      })
      for (const keyId of ['well-1', 'well-2', 'well-3']) {
        const well = await outbox.enqueue({ keyId, url: 'https://well.example/' })
        sender.wake()
        await outbox.ends(well)
      }
      const has = (keyId: string) => sender.sent.filter(({ url }) => url.includes(`dead-${keyId}`)).length
      const counts = dead.map(has)
      equal(counts[0], 16)
      ok(counts.reduce((sum, count) => sum + count) < 60, String(counts))
      answered.resolve({})
    },
  )

  guarantee('no more is under way at once than is permitted in all', async (outbox) => {
    const ids: string[] = []
    for (let i = 0; i < 20; i++) ids.push(await outbox.enqueue({ url: `https://host${i}.example/` }))
    let [atOnce, most] = [0, 0]
    outbox.startSender(
      async () => {
        most = Math.max(most, ++atOnce)
        await new Promise(setImmediate)
        atOnce--
        return {}
      },
      { concurrency: 3 },
    )
    for (const id of ids) await outbox.ends(id)
    ok(most <= 3, String(most))
  })

  guarantee('several senders on one state send each delivery once', async (outbox) => {
    const ids: string[] = []
    for (let i = 0; i < 60; i++)
      ids.push(await outbox.enqueue({ eventId: `evt-${i}`, url: `https://h${i % 7}.example/` }))
    const stores = [outbox.store, await outbox.openAnother(), await outbox.openAnother()]
    // In SQLite, where there is but one, each would take back what the others hold.
    const senders = stores.map((store) =>
      outbox.startSender(() => ({}), { store: { ...store, reclaim: async () => {} } }),
    )
    for (const id of ids) await outbox.ends(id)
    const sent = senders.flatMap((sender) => sender.sent.map(({ headers }) => headers['webhook-id']))
    equal(sent.length, 60)
    equal(new Set(sent).size, 60)
  })

  guarantee('what a sender held that is no more is sent again, uncounted, once its lease is over', async (outbox) => {
    const { store, clock } = outbox
    const id = await outbox.enqueue()
    const lease = { now: clock.at, until: clock.at + 60_000, leaseToken: 'of the dead' }
    const [held] = await store.write((tx) => store.claim(tx, [id], lease))
    equal((await store.find(id))?.status, 'delivering')
    deepEqual(await store.due(clock.at + 59_999, 9, { hosts: [], keys: [] }), [])
    clock.at += 60_000
    outbox.startSender(() => ({}))
    const ended = await outbox.ends(id)
    deepEqual([ended.status, ended.attempts], ['delivered', 1])
    const late = { status: 'failed', error: 'timeout', statusCode: null, response: null } as const
    equal(await store.write((tx) => store.settle(tx, held!, late, clock.at)), false)
    equal((await store.find(id))?.status, 'delivered')
  })

  guarantee('a stop lets attempts end within the grace, and takes the others back', async (outbox) => {
    const answered = Promise.withResolvers<object>()
    const quick = await outbox.enqueue({ url: 'https://quick.example/' })
    const slow = await outbox.enqueue({ url: 'https://slow.example/' })
    const sender = outbox.startSender(({ url }) =>
      url.includes('quick') ? answered.promise : new Promise<object>(() => {}),
    )
    await until('both are under way', async () => sender.sent.length === 2)
    const stopped = sender.stop(50)
    answered.resolve({})
    await stopped
    equal((await outbox.store.find(quick))?.status, 'delivered')
    const back = await outbox.store.find(slow)
    deepEqual([back?.status, back?.attempts], ['pending', 0])
    outbox.startSender(() => ({}))
    equal((await outbox.ends(slow)).attempts, 1)
  })

  guarantee('a store that fails for a while loses nothing', async (outbox) => {
    const id = await outbox.enqueue()
    let failures = 2
    const store: Outbox['store'] = {
      ...outbox.store,
      async due(...args) {
        if (failures-- > 0) throw new Error('away')
        return outbox.store.due(...args)
      },
    }
    outbox.startSender(() => ({}), { store })
    equal((await outbox.ends(id)).status, 'delivered')
  })
}
