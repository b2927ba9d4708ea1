import { deepEqual, equal, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { briefly, openDevicesRoom } from '../testing/devices-room.ts'

const second = 1000
const offlineAfter = 300 * second

/** Two registries on one state, under one clock. */
type Body = (nodes: Awaited<ReturnType<typeof openNodes>>) => Promise<void>

async function openNodes(t: TestContext, state: object) {
  const a = await openDevicesRoom(t, state)
  const nodes = [a]
  const another = async () => {
    const node = await openDevicesRoom(t, { ...state, clock: a.clock })
    nodes.push(node)
    return node
  }
  const status = async ({ call }: typeof a) => (await call('devices.get', { device_id: 'd' })).status
  /** What all told, in the order of time: each numbers and reads its events by itself. */
  const news = async () => {
    const told = (await Promise.all(nodes.map((node) => node.told()))).flat()
    const each = [...new Map(told.map((event) => [event.id, event])).values()]
    return briefly(each.sort((one, other) => one.time.localeCompare(other.time)))
  }
  return { a, clock: a.clock, another, status, news }
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  const guarantee = (title: string, body: Body) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, async (t) => body(await openNodes(t, await fresh(t))))

  guarantee(
    'a device that one node hears is not told offline by another',
    async ({ a, clock, another, status, news }) => {
      a.frame('d')
      await a.devices.flush()
      const b = await another()
      for (let round = 0; round < 5; round++) {
        clock.at += offlineAfter - 1
        a.frame('d')
        await a.devices.flush()
        equal(await status(b), 'online')
      }
      deepEqual(await news(), ['registered d', 'online d'])
      clock.at += offlineAfter
      for (let round = 0; round < 2; round++) for (const node of [b, a]) await node.devices.flush()
      equal(await status(b), 'offline')
      deepEqual(await news(), ['registered d', 'online d', 'offline d silent'])
    },
  )

  guarantee(
    'a device that is only connected to one node is seen by the others',
    async ({ a, clock, another, status, news }) => {
      const detach = a.devices.attach('d')
      await a.devices.flush()
      const b = await another()
      clock.at += offlineAfter - 1
      await a.devices.flush()
      clock.at += offlineAfter - 1
      equal(await status(b), 'online')
      detach()
      equal(await status(a), 'offline')
      clock.at += offlineAfter
      equal(await status(b), 'offline')
      deepEqual(await news(), ['registered d', 'online d', 'offline d disconnected'])
    },
  )

  guarantee(
    'a device that was told offline by another node comes back',
    async ({ a, clock, another, status, news }) => {
      a.frame('d')
      await a.devices.flush()
      const b = await another()
      clock.at += offlineAfter
      a.frame('d')
      equal(await status(b), 'offline')
      clock.at += second
      for (let round = 0; round < 2; round++) await a.devices.flush()
      equal(await status(b), 'online')
      deepEqual(await news(), ['registered d', 'online d', 'offline d silent', 'online d'])
    },
  )

  guarantee(
    'one that was deleted on another node is there again once it sends',
    async ({ a, clock, another, status, news }) => {
      a.frame('d', { tags: { site: 'north' } })
      a.devices.attach('c')
      await a.devices.flush()
      const b = await another()
      clock.at += second
      a.frame('d', { tags: { site: 'north' } })
      clock.at += second
      for (const device_id of ['d', 'c']) await b.call('devices.delete', { device_id })
      clock.at += second
      for (let round = 0; round < 2; round++) await a.devices.flush()
      for (const device_id of ['d', 'c'])
        for (const node of [a, b]) await rejects(node.call('devices.get', { device_id }), { code: 'NOT_FOUND' })

      a.frame('d', { tags: { site: 'north' } })
      equal(await status(a), 'online')
      await b.call('devices.delete', { device_id: 'd' })
      clock.at += second
      a.frame('d', { tags: { site: 'north' } })
      for (let round = 0; round < 2; round++) await a.devices.flush()
      const { status: now, tags } = await b.call('devices.get', { device_id: 'd' })
      deepEqual([now, tags], ['online', { site: 'north' }])
      deepEqual(
        (await news()).filter((one) => one.endsWith(' d')),
        Array.from({ length: 3 }, () => ['registered d', 'online d']).flat(),
      )
    },
  )
}
