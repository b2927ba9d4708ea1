import { deepEqual, equal, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { briefly, openDevicesRoom } from '../testing/devices-room.ts'
import { testFolder } from '../testing/nexus.ts'
import type { DeviceStore } from './index.ts'

const second = 1000
const offlineAfter = 300 * second

test('after a start a device that was online has a whole while to be heard of, however long the server was away', async (t) => {
  const file = join(testFolder(t), 'state.db')
  const before = await openDevicesRoom(t, { file })
  const at = before.clock.at
  for (const id of ['back', 'gone']) before.frame(id, { at: 100, tags: { site: 'north' } })
  before.clock.at = at + 10 * second
  before.frame('back', { at: 101, tags: { site: 'north' } })
  await before.devices.stop()
  await before.state.close()

  const away = 24 * 3600 * second
  const { call, told, frame, clock } = await openDevicesRoom(t, { file, at: at + away })
  const shown = async (device_id: string) => {
    const { status, tags, last_seen_at } = await call('devices.get', { device_id })
    return [status, tags, Date.parse(last_seen_at!) - at]
  }
  clock.at += offlineAfter - 1
  deepEqual(await shown('back'), ['online', { site: 'north' }, 10 * second])
  deepEqual(await shown('gone'), ['online', { site: 'north' }, 0])
  frame('back', { at: 50, tags: { site: 'late' } })
  clock.at += 1
  deepEqual(await shown('back'), ['online', { site: 'north' }, away + offlineAfter - 1])
  deepEqual(await shown('gone'), ['offline', { site: 'north' }, 0])
  deepEqual(briefly(await told()).slice(4), ['offline gone silent'])
})

test('a connection after a start does not make late frames the newest', async (t) => {
  const file = join(testFolder(t), 'state.db')
  const before = await openDevicesRoom(t, { file })
  before.frame('a', { at: 100, tags: { site: 'north' } })
  await before.devices.stop()
  await before.state.close()

  const { call, devices, frame, clock } = await openDevicesRoom(t, { file, at: before.clock.at + second })
  const detach = devices.attach('a')
  await devices.flush()
  detach()
  clock.at += offlineAfter
  await devices.flush()
  frame('a', { at: 99, tags: { site: 'late' } })
  deepEqual((await call('devices.get', { device_id: 'a' })).tags, { site: 'north' })
})

test('what telemetry remembers and the registry does not is registered, offline, about as old as its newest frame', async (t) => {
  const { call, told, devices, frame, clock } = await openDevicesRoom(t)
  frame('known', { at: 100, tags: { site: 'north' } })
  frame('newer', { at: 100, tags: { site: 'north' } })
  await devices.flush()
  await call('devices.put', { device_id: 'deleted' })
  await call('devices.delete', { device_id: 'deleted' })
  const before = (await told()).length
  const remembered = (deviceId: string, at: number) => ({ deviceId, at, tags: { site: 'south' } })
  const long = (clock.at - 3600 * second) * 1000
  const all = [remembered('known', 99), remembered('newer', 101), remembered('deleted', long), remembered('lost', long)]
  await devices.reconcile([...all, remembered('future', clock.at * 1000 + 5_000_000)])
  const tagsOf = async (device_id: string) => (await call('devices.get', { device_id })).tags
  deepEqual([await tagsOf('known'), await tagsOf('newer')], [{ site: 'north' }, { site: 'south' }])
  await rejects(call('devices.get', { device_id: 'deleted' }), { code: 'NOT_FOUND' })
  const { registered_at, ...lost } = await call('devices.get', { device_id: 'lost' })
  deepEqual(
    [lost.status, lost.tags, lost.last_seen_at, registered_at],
    ['offline', { site: 'south' }, '2026-05-01T11:00:00.000Z', '2026-05-01T12:00:00.000Z'],
  )
  equal((await call('devices.get', { device_id: 'future' })).last_seen_at, '2026-05-01T12:00:00.000Z')
  await devices.reconcile(all)
  deepEqual(briefly((await told()).slice(before)), ['registered lost', 'registered future'])
})

test('what telemetry remembers of a page of devices is looked up at once, and written in small parts', async (t) => {
  const [lookups, parts]: [number[], number[]] = [[], []]
  const store = (kept: DeviceStore): DeviceStore => ({
    ...kept,
    find(ids, tx) {
      if (!tx) lookups.push(ids.length)
      return kept.find(ids, tx)
    },
    save(tx, changes) {
      parts.push(changes.length)
      return kept.save(tx, changes)
    },
  })
  const { devices } = await openDevicesRoom(t, { store })
  await devices.reconcile(Array.from({ length: 120 }, (_, i) => ({ deviceId: `d${i}`, at: 1, tags: {} })))
  deepEqual([lookups, parts], [[120], [50, 50, 20]])
})
