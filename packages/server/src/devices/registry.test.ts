import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as endOfTick } from 'node:timers/promises'
import { briefly, openDevicesRoom } from '../testing/devices-room.ts'
import type { DeviceStore } from './index.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const second = 1000
const offlineAfter = 300 * second

test('the first frame registers a device, at once for who asks, and is told once, in the trace of its request', async (t) => {
  const { call, told, frame, clock } = await openDevicesRoom(t)
  frame('a', { at: 1, tags: { site: 'north' }, traceId: trace })
  frame('a', { at: 2, tags: { site: 'north' } })
  const device = await call('devices.get', { device_id: 'a' })
  deepEqual(device, {
    device_id: 'a',
    name: null,
    status: 'online',
    tags: { site: 'north' },
    own_tags: {},
    metadata: {},
    registered_at: '2026-05-01T12:00:00.000Z',
    last_seen_at: '2026-05-01T12:00:00.000Z',
  })
  clock.at += second
  frame('a', { at: 3, tags: { site: 'north' } })
  equal((await call('devices.get', { device_id: 'a' })).last_seen_at, '2026-05-01T12:00:01.000Z')

  const events = await told()
  deepEqual(briefly(events), ['registered a', 'online a'])
  const { own_tags: _, metadata: __, ...shown } = device
  for (const { data, trace_id } of events) deepEqual([data, trace_id], [shown, trace])
  equal(events[1]?.cause_id, events[0]?.id)
})

test('a frame without a trace of its own is told in a fresh one', async (t) => {
  const { told, frame, devices } = await openDevicesRoom(t)
  frame('a')
  frame('b')
  await devices.flush()
  const traces = (await told()).map(({ trace_id }) => trace_id)
  ok(traces.every((id) => /^[\da-f]{32}$/.test(id)))
  deepEqual([traces[0] === traces[1], traces[1] === traces[2]], [true, false])
})

test('many devices are told of once each, registered before online, whoever asks meanwhile', async (t) => {
  const { call, told, frame, devices } = await openDevicesRoom(t)
  const ids = Array.from({ length: 350 }, (_, i) => `d${String(i).padStart(3, '0')}`)
  const asked: Promise<unknown>[] = []
  for (const id of ids) {
    frame(id, { tags: { site: 'north' } })
    if (id.endsWith('0')) asked.push(call('devices.get', { device_id: id }), devices.flush())
  }
  await Promise.all(asked)
  await devices.flush()
  const news = briefly(await told())
  equal(news.length, 2 * ids.length)
  for (const id of ids) equal(news.indexOf(`online ${id}`), news.indexOf(`registered ${id}`) + 1)
})

test('who asks for one device does not wait for all others', async (t) => {
  let written = 0
  const store = (kept: DeviceStore): DeviceStore => ({
    ...kept,
    save(tx, changes) {
      kept.afterCommit(tx, () => {
        written += changes.length
      })
      return kept.save(tx, changes)
    },
  })
  const { call, frame, devices } = await openDevicesRoom(t, { store })
  for (let i = 0; i < 500; i++) frame(`d${i}`)
  const flushed = devices.flush()
  equal((await call('devices.get', { device_id: 'd499' })).status, 'online')
  ok(written < 200, `${written} were written first`)
  await flushed
  equal(written, 500)
})

test('a list waits for all that was sent before it, also for what somebody else has asked for meanwhile', async (t) => {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const gates = [first, second]
  const store = (kept: DeviceStore): DeviceStore => ({
    ...kept,
    async write(fn) {
      await gates.shift()?.promise
      return kept.write(fn)
    },
  })
  const { call, frame, devices } = await openDevicesRoom(t, { store })
  frame('a')
  const flushed = devices.flush()
  frame('b')
  const listed = call('devices.list', {})
  const asked = call('devices.get', { device_id: 'b' })
  await endOfTick()
  first.resolve()
  await flushed
  await endOfTick()
  second.resolve()
  deepEqual(
    (await listed).devices.map(({ device_id }) => device_id),
    ['a', 'b'],
  )
  await asked
})

test('tags are those of the frame with the newest timestamp, in whatever order frames arrive', async (t) => {
  const { call, frame } = await openDevicesRoom(t)
  const tags = async () => (await call('devices.get', { device_id: 'a' })).tags
  frame('a', { at: 100, tags: { site: 'north', role: 'pump' } })
  deepEqual(await tags(), { site: 'north', role: 'pump' })
  frame('a', { at: 99, tags: { site: 'late' } })
  deepEqual(await tags(), { site: 'north', role: 'pump' })
  frame('a', { at: 101, tags: { role: 'pump', site: 'south' } })
  deepEqual((await call('devices.list', { tags: 'site:south' })).devices.length, 1)
  frame('a', { at: 102 })
  deepEqual(await tags(), {})
  deepEqual((await call('devices.list', { tags: 'site:*' })).devices, [])
})

test('a late frame that brings a device back leaves the tags of the newest frame', async (t) => {
  const { call, frame, clock } = await openDevicesRoom(t)
  frame('a', { at: 100, tags: { site: 'north' } })
  await call('devices.get', { device_id: 'a' })
  clock.at += offlineAfter
  equal((await call('devices.get', { device_id: 'a' })).status, 'offline')
  frame('a', { at: 99, tags: { site: 'late' } })
  frame('a', { at: 98, tags: { site: 'later' } })
  const { status, tags } = await call('devices.get', { device_id: 'a' })
  deepEqual([status, tags], ['online', { site: 'north' }])
  frame('a', { at: 99, tags: { site: 'late' } })
  deepEqual((await call('devices.get', { device_id: 'a' })).tags, { site: 'north' })
})

test('a device that sends nothing for as long as configured goes offline, and comes back with its next frame', async (t) => {
  const { call, told, frame, clock, devices } = await openDevicesRoom(t)
  const status = async () => (await call('devices.get', { device_id: 'a' })).status
  frame('a')
  clock.at += offlineAfter - 1
  equal(await status(), 'online')
  frame('a')
  clock.at += offlineAfter - 1
  equal(await status(), 'online')
  clock.at += 1
  equal(await status(), 'offline')
  clock.at += offlineAfter
  await devices.flush()
  const { data } = (await told()).at(-1)!
  deepEqual([data.status, data.reason, data.last_seen_at], ['offline', 'silent', '2026-05-01T12:04:59.999Z'])
  frame('a', { traceId: trace })
  equal(await status(), 'online')
  const events = await told()
  deepEqual(briefly(events), ['registered a', 'online a', 'offline a silent', 'online a'])
  notEqual(events[2]?.trace_id, trace)
  equal(events[3]?.trace_id, trace)
})

test('a frame that comes while silence is being written down brings the device back', async (t) => {
  const { call, told, frame, clock, devices } = await openDevicesRoom(t)
  frame('a')
  await devices.flush()
  clock.at += offlineAfter
  const asked = call('devices.get', { device_id: 'a' })
  await Promise.resolve()
  frame('a')
  await asked
  await devices.flush()
  equal((await call('devices.get', { device_id: 'a' })).status, 'online')
  ok(
    ['registered a,online a', 'registered a,online a,offline a silent,online a'].includes(briefly(await told()).join()),
  )
})

test('a device is online while any connection of it is open, whatever the time', async (t) => {
  const { call, told, devices, clock } = await openDevicesRoom(t)
  const status = async () => (await call('devices.get', { device_id: 'a' })).status
  const [first, other] = [devices.attach('a', trace), devices.attach('a')]
  equal(await status(), 'online')
  clock.at += 10 * offlineAfter
  equal(await status(), 'online')
  first()
  first()
  equal(await status(), 'online')
  other()
  equal(await status(), 'offline')
  other()
  const again = devices.attach('a')
  equal(await status(), 'online')
  again()
  const events = await told()
  deepEqual(briefly(events), ['registered a', 'online a', 'offline a disconnected', 'online a'])
  deepEqual([events[0]?.trace_id, events[1]?.trace_id], [trace, trace])
  equal(events[2]?.data.last_seen_at, '2026-05-01T12:50:00.000Z')
})

test('a device that also sends frames stays online when its connection closes, until it is silent', async (t) => {
  const { call, told, devices, frame, clock } = await openDevicesRoom(t)
  const status = async () => (await call('devices.get', { device_id: 'a' })).status
  const detach = devices.attach('a')
  frame('a')
  clock.at += offlineAfter - 1
  detach()
  clock.at += offlineAfter - 1
  equal(await status(), 'online')
  clock.at += 1
  equal(await status(), 'offline')
  deepEqual(briefly(await told()), ['registered a', 'online a', 'offline a silent'])
})

test('a device that polls is online until it has not for a while', async (t) => {
  const { call, told, devices, clock } = await openDevicesRoom(t)
  const status = async () => (await call('devices.get', { device_id: 'a' })).status
  for (let polls = 0; polls < 3; polls++) {
    const over = devices.poll('a')
    clock.at += 2 * offlineAfter
    equal(await status(), 'online')
    over('answered')
    clock.at += offlineAfter - 1
    equal(await status(), 'online')
  }
  clock.at += 1
  equal(await status(), 'offline')
  const over = devices.poll('a')
  equal(await status(), 'online')
  over('closed')
  equal(await status(), 'offline')
  const ends = ['offline a silent', 'online a', 'offline a disconnected']
  deepEqual(briefly(await told()), ['registered a', 'online a', ...ends])
})

test('connections that close because the server stops say nothing', async (t) => {
  const stopping = new AbortController()
  const { told, devices } = await openDevicesRoom(t, { signal: stopping.signal })
  const detach = devices.attach('a')
  stopping.abort()
  detach()
  await devices.stop()
  deepEqual(briefly(await told()), ['registered a', 'online a'])
})

test('while the state fails nothing is lost, neither row nor event is half there, and frames are taken', async (t) => {
  let failing = true
  const store = (kept: DeviceStore): DeviceStore => ({
    ...kept,
    async save(tx, changes) {
      await kept.save(tx, changes)
      if (failing) throw new Error('the disk is full')
    },
  })
  const { call, told, frame, devices, state } = await openDevicesRoom(t, { store })
  for (let i = 0; i < 150; i++) frame(`d${i}`)
  await rejects(devices.flush(), /disk is full/)
  await rejects(call('devices.get', { device_id: 'd0' }), /disk is full/)
  await rejects(call('devices.put', { device_id: 'x' }), /disk is full/)
  frame('late', { traceId: trace })
  deepEqual(await told(), [])
  deepEqual(await state.reads.selectFrom('devices').select('device_id').execute(), [])
  failing = false
  await devices.flush()
  const events = await told()
  equal(events.length, 2 * 151)
  equal(new Set(briefly(events)).size, 2 * 151)
  equal(events.filter(({ trace_id }) => trace_id === trace).length, 2)
  equal((await call('devices.get', { device_id: 'd149' })).status, 'online')
})

test('an event that can not be written leaves no row', async (t) => {
  const publish = async () => {
    throw new Error('no number')
  }
  const { devices, call, frame, state } = await openDevicesRoom(t, { events: { publish } })
  await rejects(call('devices.put', { device_id: 'a' }), /no number/)
  frame('b')
  await rejects(devices.flush(), /no number/)
  deepEqual(await state.reads.selectFrom('devices').select('device_id').execute(), [])
  deepEqual(await state.reads.selectFrom('device_tags').select('device_id').execute(), [])
})

test('a deletion and frames that cross each other leave a device that is there or not, and goes offline in time', async (t) => {
  const { call, frame, devices, clock, told } = await openDevicesRoom(t)
  for (let round = 0; round < 30; round++) {
    const id = `d${round}`
    frame(id, { at: 1 })
    const first = round % 3 === 0 ? call('devices.get', { device_id: id }).catch(() => {}) : Promise.resolve()
    if (round % 2 === 0) await first
    const deleted = call('devices.delete', { device_id: id })
    for (let turn = 0; turn < round % 7; turn++) await Promise.resolve()
    frame(id, { at: 2 })
    const flushed = devices.flush()
    await Promise.all([first, deleted, flushed])
    frame(id, { at: 3 })
    equal((await call('devices.get', { device_id: id })).status, 'online', `after a frame that came last, ${round}`)
  }
  clock.at += offlineAfter
  equal((await call('devices.list', { status: 'online' })).devices.length, 0)
  for (let round = 0; round < 30; round++) {
    const own = briefly((await told()).filter(({ subject }) => subject === `d${round}`))
    equal(own.at(-1), `offline d${round} silent`)
  }
})

test('devices beyond the number that can be online have to wait for room', async (t) => {
  const { call, frame, clock } = await openDevicesRoom(t, { onlineMax: 2 })
  for (const id of ['a', 'b', 'c']) frame(id)
  const ids = async () => (await call('devices.list', {})).devices.map((one) => one.device_id)
  deepEqual(await ids(), ['a', 'b'])
  clock.at += offlineAfter
  await ids()
  frame('c')
  deepEqual(await ids(), ['a', 'b', 'c'])
})

test('the loop writes down what changed by itself, and tells what it had no room for', async (t) => {
  const errors: unknown[] = []
  const written = Promise.withResolvers<void>()
  const store = (kept: DeviceStore): DeviceStore => ({
    ...kept,
    save: (tx, changes) => {
      kept.afterCommit(tx, () => written.resolve())
      return kept.save(tx, changes)
    },
  })
  const onError = (cause: unknown) => errors.push(cause)
  const { devices, frame, told } = await openDevicesRoom(t, { store, onlineMax: 1, onError })
  devices.start()
  frame('a')
  frame('b')
  await written.promise
  await devices.stop()
  deepEqual(briefly(await told()), ['registered a', 'online a'])
  equal(errors.length, 1)
})
