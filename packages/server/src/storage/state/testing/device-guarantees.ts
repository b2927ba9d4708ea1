import { deepEqual, equal } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import type { Tags } from '../../../core/labels.ts'
import { matchesTags, type TagCondition } from '../../../core/tag-filter.ts'
import type { DeviceFilter, DeviceRecord, DeviceStore } from '../../../devices/index.ts'
import type { StateEngine } from '../engine.ts'

type Body = (opened: { engine: StateEngine; devices: DeviceStore }) => Promise<void>

/** What the store of devices guarantees, on each state engine. */
export function deviceGuarantees(guarantee: (title: string, body: Body) => void): void {
  guarantee('a device comes back as it was kept, also after it has changed', async ({ engine, devices }) => {
    const record = deviceRecord('a', {
      name: 'Pump "1"',
      status: 'online',
      frameTags: { site: 'n\0rth' },
      tagsAt: 1_777_636_800_123_456,
      ownTags: { floor: '2' },
      metadata: { deep: [{ a: null }] },
      lastSeenAt: 2000,
    })
    await engine.write((tx) => devices.save(tx, [{ record, tags: record.ownTags }]))
    deepEqual(await devices.find(['a', 'nobody']), [record])
    const changed = deviceRecord('a', { deletedAt: 3000 })
    await engine.write(async (tx) => {
      await devices.save(tx, [{ record: changed, tags: {} }])
      deepEqual(await devices.find(['a'], tx), [changed])
      deepEqual(await devices.find(['a']), [record])
    })
    deepEqual(await devices.find(['a']), [changed])
    deepEqual(await idsOf(devices), [])
  })

  guarantee('devices are found by tags with the meaning that filters have', async ({ engine, devices }) => {
    const head = 'x'.repeat(127)
    const values = [
      '',
      'a',
      'ab',
      'A',
      'a%',
      'a_',
      "'",
      '\\',
      'a\0',
      'a\x01',
      'a\x010',
      '€',
      '💧',
      `${head}€a`,
      `${head}€b`,
    ]
    const tags = fc.dictionary(fc.constantFrom('k', 'l', 'm'), fc.constantFrom(...values), { noNullPrototype: true })
    const pattern = fc.record({
      kind: fc.constantFrom('equals', 'prefix', 'exists'),
      value: fc.constantFrom(...values),
    })
    const condition: fc.Arbitrary<TagCondition> = fc.record({
      key: fc.constantFrom('k', 'l', 'other', 'k\0'),
      negated: fc.boolean(),
      patterns: fc.array(pattern as fc.Arbitrary<TagCondition['patterns'][number]>, { minLength: 1, maxLength: 3 }),
    })
    const property = fc.asyncProperty(
      fc.array(tags, { minLength: 5, maxLength: 5 }),
      fc.array(fc.array(condition, { maxLength: 3 }), { minLength: 4, maxLength: 4 }),
      async (tagSets, filters) => {
        await keep(engine, devices, Object.fromEntries(tagSets.map((set, i) => [`d${i}`, set])))
        for (const conditions of filters) {
          const expected = tagSets.flatMap((set, i) => (matchesTags(conditions, set) ? [`d${i}`] : []))
          deepEqual(await idsOf(devices, { conditions }), expected, JSON.stringify({ tagSets, conditions }))
        }
      },
    )
    await fc.assert(property, { numRuns: 40, seed: 20_251_103 })
  })

  guarantee('a tag of any length that a frame may bring can be kept and found', async ({ engine, devices }) => {
    const [one, other] = [randomBytes(4096).toString('hex'), '💧'.repeat(2048)]
    await keep(engine, devices, { a: { long: one }, b: { long: other } })
    const equals = (value: string): TagCondition => ({
      key: 'long',
      negated: false,
      patterns: [{ kind: 'equals', value }],
    })
    deepEqual(await idsOf(devices, { conditions: [equals(one)] }), ['a'])
    deepEqual(await idsOf(devices, { conditions: [equals(other)] }), ['b'])
    deepEqual(await idsOf(devices, { conditions: [equals(other.slice(0, -2))] }), [])
  })

  guarantee('devices are listed by status, page by page', async ({ engine, devices }) => {
    const records = ['a', 'b', 'c', 'd', 'e'].map((id, i) =>
      deviceRecord(id, i % 2 === 0 ? { status: 'online', lastSeenAt: i + 1 } : {}),
    )
    const changes = records.map((record) => ({ record, tags: undefined }))
    await engine.write((tx) => devices.save(tx, changes))
    deepEqual(await idsOf(devices, { limit: 2 }), ['a', 'b'])
    deepEqual(await idsOf(devices, { after: 'b', limit: 2 }), ['c', 'd'])
    deepEqual(await idsOf(devices, { status: 'offline' }), ['b', 'd'])
    deepEqual(await devices.online({ after: undefined, limit: 2 }), [
      { deviceId: 'a', lastSeenAt: 1 },
      { deviceId: 'c', lastSeenAt: 3 },
    ])
    deepEqual(await devices.online({ after: 'c', limit: 2 }), [{ deviceId: 'e', lastSeenAt: 5 }])
  })

  guarantee('devices are in the order of the bytes of their ids', async ({ engine, devices }) => {
    const ids = ['A', 'B', 'a-1', 'a1', 'a_1', 'b', 'é', '💧']
    await keep(engine, devices, Object.fromEntries(ids.toReversed().map((id) => [id, { site: 'north' }])))
    deepEqual(await idsOf(devices), ids)
    deepEqual(await idsOf(devices, { after: 'a-1' }), ids.slice(3))
    const [negated, kind, value] = [false, 'equals', 'north'] as const
    const conditions = [{ key: 'site', negated, patterns: [{ kind, value }] }]
    deepEqual(await idsOf(devices, { conditions }), ids)
  })

  guarantee(
    'of devices that are online it is noted when they were last seen, which never turns back',
    async ({ engine, devices }) => {
      const records = [
        deviceRecord('never', { status: 'online' }),
        deviceRecord('before', { status: 'online', lastSeenAt: 100, tagsAt: 7 }),
        deviceRecord('after', { status: 'online', lastSeenAt: 300, tagsAt: 7 }),
        deviceRecord('newer', { status: 'online', lastSeenAt: 100, tagsAt: 11 }),
        deviceRecord('offline', { lastSeenAt: 100, tagsAt: 7 }),
        deviceRecord('deleted', { deletedAt: 1 }),
      ]
      const changes = records.map((record) => ({ record, tags: undefined }))
      await engine.write((tx) => devices.save(tx, changes))
      const seen = [...records.map(({ deviceId }) => deviceId), 'nobody'].map((deviceId) => ({
        deviceId,
        at: 200,
        tagsAt: 9,
      }))
      const noted = await engine.write((tx) => devices.noteSeen(tx, seen))
      deepEqual([...noted].sort(), ['after', 'before', 'never', 'newer'])
      equal((await engine.write((tx) => devices.noteSeen(tx, []))).size, 0)
      const found = await devices.find(seen.map(({ deviceId }) => deviceId))
      const times = found.map(({ deviceId, lastSeenAt, tagsAt }) => [deviceId, lastSeenAt, tagsAt])
      deepEqual(Object.fromEntries(times.map(([id, ...rest]) => [id, rest])), {
        never: [200, 9],
        before: [200, 9],
        after: [300, 9],
        newer: [200, 11],
        offline: [100, 7],
        deleted: [null, 0],
      })
      equal(found.length, 6)
    },
  )
}

async function keep(engine: StateEngine, devices: DeviceStore, tagsOf: Record<string, Tags>): Promise<void> {
  const changes = Object.entries(tagsOf).map(([id, tags]) => ({ record: deviceRecord(id), tags }))
  await engine.write((tx) => devices.save(tx, changes))
}

async function idsOf(devices: DeviceStore, filter: Partial<DeviceFilter> = {}): Promise<string[]> {
  const found = await devices.list({ status: undefined, conditions: [], after: undefined, limit: 10, ...filter })
  return found.map(({ deviceId }) => deviceId)
}

function deviceRecord(deviceId: string, more: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    deviceId,
    name: null,
    status: 'offline',
    frameTags: {},
    tagsAt: 0,
    ownTags: {},
    metadata: {},
    registeredAt: 1000,
    lastSeenAt: null,
    deletedAt: null,
    ...more,
  }
}
