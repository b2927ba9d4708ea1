import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Output } from '@nexus/contract'
import { startTestNexus } from '../testing/nexus.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)
const range = { start_time: start, end_time: start + 7_200_000 }
// With the ids that a comma or a backslash could be taken for.
const odd = ['a,b', 'a', 'b', 'a\\', 'a\\,b', '\\', ',', ',,', 'a|b', "it's", '"a"', '[a]', '__proto__', 'constructor']
const escaped = (id: string) => id.replaceAll(/[\\,]/g, '\\$&')

const frames = odd.flatMap((device_id, n) =>
  [0, 1].map((hour) => ({ device_id, timestamp: start + hour * 3_600_000, metrics: { m: n } })),
)

test('a device of any id is found by its escaped id, and it alone: raw, from roll-ups and from memory', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  await room.sendBatch(ctx, { frames })
  const query = room.handlers['telemetry.query']
  const sums = { ...range, metrics: 'm', aggregation: 'sum' as const, interval: '1h', group_by: 'device_id' }
  const pairsOf = ({ data }: Output<'telemetry.query'>) => data.map(({ device_id, m }) => [device_id, m])
  const compare = async () => {
    for (const [n, id] of odd.entries()) {
      const device_id = escaped(id)
      const pair = [id, n]
      deepEqual(pairsOf(await query(ctx, { ...range, device_id })), [pair, pair])
      deepEqual(pairsOf(await query(ctx, { ...sums, device_id })), [pair, pair])
      const { devices } = await room.handlers['telemetry.latest'](ctx, { device_id })
      deepEqual([devices.length, devices[0]?.device_id], [1, id])
      equal((await room.handlers['telemetry.metrics'](ctx, { device_id })).metrics[0]?.devices, 1)
    }
    const all = await query(ctx, { ...sums, device_id: odd.map(escaped).join(',') })
    deepEqual(new Map(pairsOf(all) as never), new Map(odd.map((id, n) => [id, n])))
  }
  await compare()
  await room.rollAll()
  await compare()
  await room.warmAll()
  await compare()
})

test('pages over devices of any id hold each row once', async (t) => {
  const { room, ctx } = await openTelemetryRoom(t)
  await room.sendBatch(ctx, { frames })
  const found: unknown[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const input: Input<'telemetry.query'> = { ...range, device_id: odd.map(escaped).join(','), limit: 3 }
    const page = await room.handlers['telemetry.query'](ctx, cursor ? { ...input, cursor } : input)
    found.push(...page.data.map(({ device_id }) => device_id))
    cursor = page.next_cursor ?? null
  }
  deepEqual(found.toSorted(), [...odd, ...odd].sort())
})

test('over HTTP ids come escaped in a list, as they are in an array, and from the SDK either way', async (t) => {
  const nexus = await startTestNexus(t)
  await nexus.client.telemetry.frames.batch({ frames })
  const pair = ['a,b', 'a\\']
  const devicesOf = (rows: { [column: string]: unknown }[]) =>
    [...new Set(rows.map(({ device_id }) => device_id))].sort()
  for (const device_id of [pair, pair.map(escaped).join(',')]) {
    deepEqual(devicesOf((await nexus.client.telemetry.query({ ...range, device_id })).data), pair)
    deepEqual(devicesOf((await nexus.client.telemetry.latest({ device_id })).devices), pair)
    equal((await nexus.client.telemetry.metrics({ device_id })).metrics[0]?.devices, 2)
  }
  const repeated = pair.map((id) => `device_id=${encodeURIComponent(id)}`).join('&')
  const answer = await nexus.request(
    `/v1/telemetry/query?start_time=${range.start_time}&end_time=${range.end_time}&${repeated}`,
  )
  deepEqual(devicesOf(((await answer.json()) as { data: { device_id: string }[] }).data), pair)
})
