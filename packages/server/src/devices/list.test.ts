import { deepEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Verb } from '../core/invoke.ts'
import { openDevicesRoom } from '../testing/devices-room.ts'
import { admin } from '../testing/telemetry-room.ts'
import type { DeviceStore } from './index.ts'

/** A store whose writes wait until they may go on. */
function heldBack() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const store = (kept: DeviceStore): DeviceStore => ({
    ...kept,
    write: async (fn) => {
      await promise
      return kept.write(fn)
    },
  })
  return { store, release: resolve }
}

test('a list does not wait for a thousand devices and more to be written', async (t) => {
  const { store, release } = heldBack()
  const { call, devices, frame } = await openDevicesRoom(t, { store, onlineMax: 2000 })
  for (let i = 0; i < 1001; i++) frame(`d${i}`)
  deepEqual((await call('devices.list', {})).devices, [])
  release()
  await devices.flush()
  deepEqual((await call('devices.list', { limit: 1 })).devices[0]?.device_id, 'd0')
})

test('a list is answered although another device can not be written', async (t) => {
  const store = (kept: DeviceStore): DeviceStore => ({
    ...kept,
    async save(tx, changes) {
      if (changes.some(({ record }) => record.deviceId === 'bad')) throw new Error('the disk is full')
      await kept.save(tx, changes)
    },
  })
  const { call, devices, frame } = await openDevicesRoom(t, { store })
  frame('good')
  await devices.flush()
  frame('bad')
  const listed = (await call('devices.list', {})).devices
  deepEqual(
    listed.map(({ device_id }) => device_id),
    ['good'],
  )
  await rejects(devices.flush(), /disk is full/)
})

test('a list whose caller has gone waits no more', async (t) => {
  const { store, release } = heldBack()
  const { ctx, devices, frame } = await openDevicesRoom(t, { store })
  frame('a')
  const leaving = new AbortController()
  const list = devices.handlers['devices.list'] as Verb<'devices.list'>
  const listed = list({ ...ctx, principal: admin, signal: leaving.signal }, {})
  leaving.abort(new Error('gone'))
  await rejects(listed, /gone/)
  release()
  await devices.flush()
})
