import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Output } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import { briefly, openDevicesRoom } from '../testing/devices-room.ts'
import { admin } from '../testing/telemetry-room.ts'

const noon = '2026-05-01T12:00:00.000Z'
const missing = { code: 'NOT_FOUND', details: { reason: 'no_such_device', device_id: 'a' } }

test('a device that is put is registered, offline and never seen, and told of in the trace of the request', async (t) => {
  const { call, told } = await openDevicesRoom(t)
  const put = { device_id: 'a', name: 'Pump', tags: { site: 'north' }, metadata: { model: { no: 7 } } }
  const device = await call('devices.put', put)
  deepEqual(device, {
    device_id: 'a',
    name: 'Pump',
    status: 'offline',
    tags: { site: 'north' },
    own_tags: { site: 'north' },
    metadata: { model: { no: 7 } },
    registered_at: noon,
    last_seen_at: null,
  })
  deepEqual(await call('devices.get', { device_id: 'a' }), device)
  const [event, ...others] = await told()
  const { own_tags: _, metadata: __, ...shown } = device
  deepEqual(
    [event?.type, event?.subject, event?.data, event?.trace_id, others],
    ['device.registered', 'a', shown, '0'.repeat(32), []],
  )
})

test('to put a device again replaces all that a client may set, keeps the rest, and tells nothing', async (t) => {
  const { call, told, frame, clock } = await openDevicesRoom(t)
  frame('a', { tags: { site: 'south', role: 'pump' } })
  await call('devices.put', { device_id: 'a', name: 'Pump', tags: { site: 'north' }, metadata: { model: 7 } })
  clock.at += 1000
  deepEqual(await call('devices.put', { device_id: 'a', tags: { floor: '2' } }), {
    device_id: 'a',
    name: null,
    status: 'online',
    tags: { site: 'south', role: 'pump', floor: '2' },
    own_tags: { floor: '2' },
    metadata: {},
    registered_at: noon,
    last_seen_at: noon,
  })
  deepEqual(briefly(await told()), ['registered a', 'online a'])
})

test('an update changes what it names; null removes the name, a tag, a key of the metadata', async (t) => {
  const { call, frame } = await openDevicesRoom(t)
  frame('a', { tags: { site: 'south' } })
  const settings = {
    name: 'Pump',
    tags: { site: 'north', floor: '2' },
    metadata: { model: { no: 7, maker: 'x' }, n: 1 },
  }
  await call('devices.put', { device_id: 'a', ...settings })
  const update = async (patch: Omit<Input<'devices.update'>, 'device_id'>) => {
    const { name, tags, own_tags, metadata } = await call('devices.update', { device_id: 'a', ...patch })
    return { name, tags, own_tags, metadata }
  }
  const { tags, ...others } = settings
  deepEqual(await update({}), { ...others, tags, own_tags: tags })
  deepEqual(await update({ name: null }), { ...others, name: null, tags, own_tags: tags })
  const changed = { model: { no: 8, maker: 'x' } }
  deepEqual(await update({ tags: { site: null, role: 'pump' }, metadata: { n: null, model: { no: 8 } } }), {
    name: null,
    tags: { site: 'south', floor: '2', role: 'pump' },
    own_tags: { floor: '2', role: 'pump' },
    metadata: changed,
  })
  deepEqual((await call('devices.get', { device_id: 'a' })).metadata, changed)
})

test('a deleted device is gone with all that was set of it, until a sign of life or a client registers it anew', async (t) => {
  const { call, told, frame, devices, clock } = await openDevicesRoom(t)
  const signs: [string, () => unknown][] = [
    ['online', () => frame('a')],
    ['offline', () => devices.attach('a')()],
    ['offline', () => call('devices.put', { device_id: 'a' })],
  ]
  for (const [status, sign] of signs) {
    await call('devices.put', { device_id: 'a', name: 'Pump', tags: { site: 'north' } })
    clock.at += 1000
    equal(await call('devices.delete', { device_id: 'a' }), null)
    await rejects(call('devices.get', { device_id: 'a' }), missing)
    await rejects(call('devices.update', { device_id: 'a', name: 'x' }), missing)
    await rejects(call('devices.delete', { device_id: 'a' }), missing)
    deepEqual((await call('devices.list', { tags: 'site:north' })).devices, [])
    await sign()
    const { registered_at, name, tags, ...anew } = await call('devices.get', { device_id: 'a' })
    deepEqual([anew.status, name, tags, registered_at], [status, null, {}, new Date(clock.at).toISOString()])
  }
  const news = ['registered a', 'registered a', 'online a', 'registered a', 'registered a']
  deepEqual(briefly(await told()), news)
})

test('a device that was deleted while it was connected is online again once it is put', async (t) => {
  const { call, devices, told, ctx } = await openDevicesRoom(t)
  devices.attach('a')
  await call('devices.delete', { device_id: 'a' })
  await call('devices.put', { device_id: 'a' })
  equal((await call('devices.get', { device_id: 'a' })).status, 'online')
  deepEqual(
    (await told()).slice(2).map(({ type, trace_id }) => [type, trace_id]),
    [
      ['device.registered', ctx.traceId],
      ['device.online', ctx.traceId],
    ],
  )
})

const many = (count: number, value: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, value]))
const refused: [what: string, input: object, field: string][] = [
  ['a tag too many', { tags: many(33, 'x') }, 'tags'],
  ['a tag with a bad name', { tags: { 'a b': 'x' } }, 'tags.a b'],
  ['a tag with a reserved name', { tags: Object.fromEntries([['__proto__', 'x']]) }, 'tags.__proto__'],
  ['a tag that is no text', { tags: { a: 1 } }, 'tags.a'],
  ['a tag that is too long in bytes', { tags: { a: '€'.repeat(3000) } }, 'tags.a'],
  ['a tag that is not well-formed', { tags: { a: '\ud800' } }, 'tags.a'],
  ['metadata with a key too many', { metadata: many(33, 'x') }, 'metadata'],
  ['metadata that is nested too deep', { metadata: { a: [[[[[[[[1]]]]]]]] } }, 'metadata.a.0.0.0.0.0.0.0'],
  ['metadata that is too large', { metadata: many(32, 'x'.repeat(3000)) }, 'metadata'],
  ['an empty name', { name: '' }, 'name'],
  ['a name that is too long', { name: 'x'.repeat(129) }, 'name'],
  ['a name with a control character', { name: 'a\0' }, 'name'],
  ['a name that is not well-formed', { name: '\udfff' }, 'name'],
  ['what a device is known by', { status: 'online' }, 'status'],
]

test('what goes beyond a limit is refused with the name of its field, and nothing changes', async (t) => {
  const { call } = await openDevicesRoom(t)
  for (const [what, input, field] of refused) {
    const namesIt = ({ code, details }: Failure) => {
      deepEqual([code, details.field], ['INVALID_REQUEST', field], what)
      return true
    }
    await rejects(call('devices.put', { device_id: 'a', ...input }), namesIt, what)
    await rejects(call('devices.get', { device_id: 'a' }), missing)
  }
  for (const device_id of ['a b', 'a\0', '\ud800', 'x'.repeat(129)])
    await rejects(call('devices.put', { device_id }), { code: 'INVALID_REQUEST' })
})

test('an update that would go beyond a limit with what is there already is refused', async (t) => {
  const { call } = await openDevicesRoom(t)
  const before = await call('devices.put', {
    device_id: 'a',
    tags: many(32, 'x'),
    metadata: many(20, 'x'.repeat(3000)),
  })
  const namesIt = (field: string) => (error: Failure) =>
    error.code === 'INVALID_REQUEST' && error.details.field === field
  await rejects(call('devices.update', { device_id: 'a', tags: { more: 'x' } }), namesIt('tags'))
  await rejects(call('devices.update', { device_id: 'a', metadata: { more: 'x'.repeat(8000) } }), namesIt('metadata'))
  deepEqual(await call('devices.get', { device_id: 'a' }), before)
  await call('devices.update', { device_id: 'a', tags: { more: 'x', key0: null } })
})

test('a key that is bound to a device changes that alone, and may look at others', async (t) => {
  const { call } = await openDevicesRoom(t)
  const bound = { ...admin, deviceId: 'mine' }
  await call('devices.put', { device_id: 'other' })
  const forbidden = ({ code, details }: Failure) => {
    deepEqual([code, details.field, details.issue], ['FORBIDDEN', 'device_id', 'the key is bound to the device mine'])
    return true
  }
  await rejects(call('devices.put', { device_id: 'other', name: 'x' }, bound), forbidden)
  await rejects(call('devices.put', { device_id: 'new' }, bound), forbidden)
  await rejects(call('devices.update', { device_id: 'other', name: 'x' }, bound), forbidden)
  await rejects(call('devices.delete', { device_id: 'other' }, bound), forbidden)
  equal((await call('devices.get', { device_id: 'other' }, bound)).name, null)
  await call('devices.put', { device_id: 'mine' }, bound)
  equal((await call('devices.update', { device_id: 'mine', name: 'x' }, bound)).name, 'x')
  await call('devices.delete', { device_id: 'mine' }, bound)
})

test('devices are listed in the order of their ids, page by page, by status, tags and service', async (t) => {
  const { call, frame } = await openDevicesRoom(t)
  frame('c', { tags: { site: 'north', service: 'api' } })
  frame('e', { tags: { site: 'south', service: 'api' } })
  for (const device_id of ['b', 'a', 'd']) await call('devices.put', { device_id, tags: { site: 'north' } })
  await call('devices.put', { device_id: 'e', tags: { service: 'web' } })
  const ids = async (input: Input<'devices.list'>) =>
    (await call('devices.list', input)).devices.map((one) => one.device_id)
  deepEqual(await ids({}), ['a', 'b', 'c', 'd', 'e'])
  deepEqual(await ids({ status: 'online' }), ['c', 'e'])
  deepEqual(await ids({ status: 'offline', tags: 'site:north' }), ['a', 'b', 'd'])
  deepEqual(await ids({ tags: '!site:north' }), ['e'])
  deepEqual(await ids({ tags: 'site:n*|x,service:*' }), ['c'])
  deepEqual(
    [await ids({ service: 'api' }), await ids({ service: 'web' }), await ids({ service: '*' })],
    [['c'], ['e'], []],
  )

  const pages: string[][] = []
  let cursor: string | null | undefined
  do {
    const page: Output<'devices.list'> = await call('devices.list', { limit: 2, ...(cursor && { cursor }) })
    pages.push(page.devices.map((one) => one.device_id))
    cursor = page.next_cursor
  } while (cursor)
  deepEqual(pages, [['a', 'b'], ['c', 'd'], ['e']])
  for (const bad of ['x', Buffer.from('["a\\u0000"]').toString('base64url')])
    await rejects(call('devices.list', { cursor: bad }), { code: 'INVALID_REQUEST' })
  await rejects(call('devices.list', { tags: 'site' }), { code: 'INVALID_REQUEST' })
})
