import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input } from '@nexus/contract'
import { Failure } from '../core/failure.ts'
import type { ClickHouse } from '../storage/telemetry/clickhouse.ts'
import { tellsNothing } from '../testing/error-check.ts'
import { startTestNexus } from '../testing/nexus.ts'
import { openTelemetryRoom } from '../testing/telemetry-room.ts'

const start = Date.UTC(2025, 10, 3)
const day = 86_400_000

async function roomWithPoint(t: Parameters<typeof openTelemetryRoom>[0]) {
  const opened = await openTelemetryRoom(t)
  await opened.room.send(opened.ctx, { device_id: 'd', timestamp: start, metrics: { m: 1 } }, 'durable')
  const ask = (input: Partial<Input<'telemetry.query'>>) =>
    opened.room.handlers['telemetry.query'](opened.ctx, {
      start_time: start,
      end_time: start + day,
      metrics: 'm',
      ...input,
    })
  return { ...opened, ask }
}

test('interval=auto is the finest round interval that gives at most max_points buckets, and the answer names it', async (t) => {
  const { ask } = await roomWithPoint(t)
  const cases: [width: number, max: number | undefined, interval: string][] = [
    [60_000, undefined, '1s'],
    [3_600_000, undefined, '10s'],
    [day, undefined, '5m'],
    [day, 24, '1h'],
    [day, 1, '1d'],
    [30 * day, 500, '3h'],
    [366 * day, 13, '1mo'],
    [366 * day, 500, '1d'],
    [3000 * day, 3, '1y'],
  ]
  for (const [width, max_points, interval] of cases) {
    const input = {
      end_time: start + width,
      interval: 'auto',
      ...(max_points && { max_points }),
      fill: 'null' as const,
    }
    const { query, data } = await ask(input)
    ok(data.length <= (max_points ?? 500) || interval === '1y', `${data.length} rows of ${interval}`)
    equal(query.interval, interval, `${width / day} days, at most ${max_points}`)
  }
})

test('too many buckets are refused with the interval that would fit, and that one is taken', async (t) => {
  const { ask } = await roomWithPoint(t)
  const refused = await ask({ interval: '1s' }).then(
    () => undefined,
    (cause: Failure) => cause,
  )
  ok(refused instanceof Failure)
  deepEqual([refused.code, refused.details.field], ['INVALID_REQUEST', 'interval'])
  match(refused.details.issue!, /more than 11000 buckets; 10s would fit/)
  await ask({ interval: '10s' })
  await ask({ interval: '1s', end_time: start + 11_000_000 })
  await rejects(ask({ interval: '1s', end_time: start + 11_001_000 }), { code: 'INVALID_REQUEST' })
})

test('a hundred groups are answered and one more is refused with a word on how to narrow it', async (t) => {
  const { room, ctx, ask } = await roomWithPoint(t)
  const frames = Array.from({ length: 101 }, (_, i) => ({ device_id: `g${i}`, timestamp: start, metrics: { g: 1 } }))
  await room.sendBatch(ctx, { frames: frames.slice(0, 100) })
  const query = { metrics: 'g', aggregation: 'sum' as const, group_by: 'device_id' }
  equal((await ask(query)).data.length, 100)
  await room.sendBatch(ctx, { frames: frames.slice(100) })
  const refusal = { code: 'INVALID_REQUEST', details: { field: 'group_by' } }
  await ask(query).then(
    () => ok(false, 'was answered'),
    ({ code, details }: Failure) => {
      deepEqual({ code, details: { field: details.field } }, refusal)
      match(details.issue!, /more than 100 groups: narrow the query by device_id or tags/)
    },
  )
  equal((await ask({ ...query, device_id: 'g1,g2' })).data.length, 2)
})

test('groups need an aggregation or an interval, and are by the device or by a tag', async (t) => {
  const { ask } = await roomWithPoint(t)
  await rejects(ask({ group_by: 'device_id' }), { code: 'INVALID_REQUEST' })
  await rejects(ask({ group_by: 'metric', aggregation: 'avg' }), { code: 'INVALID_REQUEST' })
  deepEqual((await ask({ group_by: 'device_id,tag.a', aggregation: 'avg' })).data[0], {
    timestamp: '2025-11-03T00:00:00Z',
    device_id: 'd',
    'tag.a': null,
    m: 1,
  })
})

test('what would have no effect in a query is refused by name, with what it is for', async (t) => {
  const { ask } = await roomWithPoint(t)
  const [aggregation, interval] = ['avg' as const, '1h']
  const wrong: [Partial<Input<'telemetry.query'>>, string][] = [
    [{ aggregation, limit: 5 }, 'limit'],
    [{ interval, cursor: 'zz' }, 'cursor'],
    [{ aggregation, fill: 'linear' }, 'fill'],
    [{ fill: 'none' }, 'fill'],
    [{ max_points: 3 }, 'max_points'],
    [{ aggregation, interval, max_points: 3 }, 'max_points'],
    [{ group_by: 'device_id' }, 'group_by'],
  ]
  for (const [input, field] of wrong) {
    const refused = await ask(input).catch((cause: Failure) => cause)
    ok(refused instanceof Failure, JSON.stringify(input))
    deepEqual([refused.code, refused.details.field], ['INVALID_REQUEST', field])
  }
  await ask({ limit: 5, order: 'desc', resolution: 'raw' })
  await ask({ aggregation, group_by: 'device_id', order: 'desc', resolution: 'raw' })
  await ask({ interval: 'auto', max_points: 3, tz: 'Asia/Kolkata', fill: '0', group_by: 'device_id' })
})

test('a metric that was never received is null and warned of', async (t) => {
  const { ask } = await roomWithPoint(t)
  for (const aggregation of ['avg' as const, undefined]) {
    const { data, warnings } = await ask({ metrics: 'm,nothing', ...(aggregation && { aggregation }) })
    equal(data[0]?.nothing, null)
    deepEqual(
      warnings?.map(({ reason, field }) => [reason, field]),
      [['unknown_metric', 'metrics.nothing']],
    )
  }
})

test('a device that never sent anything has no metrics and no data, which a warning says, however many there are of others', async (t) => {
  for (const latestSeriesMax of [1_000_000, 100]) {
    const { room, ctx, close } = await openTelemetryRoom(t, { latestSeriesMax })
    for (const part of [0, 1, 2]) {
      const metrics = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${'abc'[part]}${i}`, i]))
      await room.send(ctx, { device_id: `d${part}`, timestamp: start, metrics }, 'durable')
    }
    const ask = (input: Partial<Input<'telemetry.query'>>) =>
      room.handlers['telemetry.query'](ctx, { start_time: start, end_time: start + day, ...input })
    await rejects(ask({}), { code: 'INVALID_REQUEST' })
    for (const aggregation of [{}, { aggregation: 'avg' as const }, { interval: '1h' }]) {
      const none = await ask({ device_id: 'unknown', ...aggregation })
      deepEqual(none.data, [])
      const one = await ask({ device_id: 'd1,unknown', ...aggregation })
      deepEqual([one.data.length, one.data[0]?.b7, Object.hasOwn(one.data[0]!, 'a7')], [1, 7, false])
      const warned = [{ reason: 'unknown_device', field: 'device_id', issue: 'no telemetry of unknown' }]
      // Beyond what memory holds, a device that is not there may have been let go.
      deepEqual(one.warnings, latestSeriesMax === 100 ? undefined : warned)
      deepEqual(none.warnings, one.warnings)
    }
    await close()
  }
})

test('a zone, an interval and a metric that do not exist are refused by name', async (t) => {
  const { ask } = await roomWithPoint(t)
  const wrong: [Partial<Input<'telemetry.query'>>, string][] = [
    [{ tz: 'Mars/Olympus', interval: '1d' }, 'tz'],
    [{ interval: '0m' }, 'interval'],
    [{ interval: '5 minutes' }, 'interval'],
    [{ metrics: 'no spaces' }, 'metrics'],
    [{ metrics: ',' }, 'metrics'],
    [{ tags: 'nocolon' }, 'tags'],
    [{ start_time: '2025-11-03' }, 'start_time'],
    [{ end_time: '2025-02-30T00:00:00Z' }, 'end_time'],
  ]
  for (const [input, field] of wrong) {
    const refused = await ask(input).catch((cause: Failure) => cause)
    ok(refused instanceof Failure, field)
    deepEqual([refused.code, refused.details.field], ['INVALID_REQUEST', field])
  }
})

test('a query that needs too much memory is refused over HTTP in words that help, and a narrower one is answered', async (t) => {
  const nexus = await startTestNexus(t, { queryMemoryMb: 8 })
  const frames = Array.from({ length: 2000 }, (_, i) => {
    const metrics = Object.fromEntries(Array.from({ length: 100 }, (_, m) => [`m${m}`, i + m / 128]))
    return { device_id: 'd', timestamp: start + i, metrics }
  })
  await nexus.client.telemetry.frames.batch({ frames })
  const query = (rest: string) =>
    nexus.request(`/v1/telemetry/query?start_time=${start}&end_time=${start + day}&aggregation=distinct&${rest}`)
  const refused = await query('')
  const text = await refused.text()
  equal(refused.status, 400)
  match(text, /"query_too_large".*needs more than 8 MiB of memory: narrow the range, name metrics and devices/)
  tellsNothing(text, { folder: nexus.folder })
  equal((await query('metrics=m1')).status, 200)
})

test('of a query of several parts, one that fails stops the others', async (t) => {
  const stopped = Promise.withResolvers<unknown>()
  let parts = 0
  const engine = (clickhouse: ClickHouse): ClickHouse => ({
    ...clickhouse,
    rows: (sql, signal) => {
      if (!sql.includes('FROM points') || !signal) return clickhouse.rows(sql, signal)
      if (++parts === 2) return Promise.reject(new Error('the second fails'))
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          stopped.resolve(signal.reason)
          reject(signal.reason)
        }),
      )
    },
  })
  const { room, ctx } = await openTelemetryRoom(t, { engine })
  // Without an aggregation a number is averaged and of a text the last is given: two parts.
  await room.send(ctx, { device_id: 'd', timestamp: start, metrics: { m: 1, text: 'x' } }, 'durable')
  const query = { start_time: start, end_time: start + day, metrics: 'm,text', interval: '1h' }
  await rejects(room.handlers['telemetry.query'](ctx, query), /the second fails/)
  match(String(await stopped.promise), /the second fails/)
})

test('others have the event loop while a large answer is made', async (t) => {
  const { ask } = await roomWithPoint(t)
  const metrics = ['m', ...Array.from({ length: 99 }, (_, i) => `n${i}`)]
  let others = 0
  const other = () => {
    others++
    again = setImmediate(other)
  }
  let again = setImmediate(other)
  const { data } = await ask({ end_time: start + 5_000_000, interval: '1s', aggregation: 'avg', fill: '0', metrics })
  clearImmediate(again)
  equal(data.length, 5000)
  // Filling and making rows of 500,000 values each.
  ok(others >= 50, `${others} turns`)
})
