import { deepEqual, equal, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as endOfTick } from 'node:timers/promises'
import type { Output } from '@nexus/contract'
import type { Failure } from '../core/failure.ts'
import { itemsOf, openEventsRoom } from '../testing/events-room.ts'
import { testFolder } from '../testing/nexus.ts'
import { idOf, type LoggedEvent, type StreamInput, type StreamItem } from './index.ts'

type Room = Awaited<ReturnType<typeof openEventsRoom>>

/** Reads a stream until `enough` of what it says, and leaves it. */
async function read(room: Room, input: StreamInput, enough: (items: Item[]) => boolean) {
  const items: Item[] = []
  for await (const item of await open(room, input)) {
    items.push(item)
    if (enough(items)) break
  }
  return items
}

/** What a stream says, one event at a time. */
type Item = { kind: 'event'; event: LoggedEvent } | Exclude<StreamItem, { kind: 'events' }>

/** Opens a stream; what happens from then on is heard, read or not. */
async function open({ events, admin }: Room, input: StreamInput): Promise<AsyncGenerator<Item>> {
  return each(itemsOf(await events.stream(admin, input)))
}

async function* each(stream: AsyncIterable<StreamItem>): AsyncGenerator<Item> {
  for await (const item of stream) {
    if (item.kind === 'events') yield* item.events.map((event) => ({ kind: 'event' as const, event }))
    else yield item
  }
}

const count = (n: number) => (items: Item[]) => items.length >= n
const subjects = (items: Item[]) => items.map((item) => (item.kind === 'event' ? item.event.subject : item.kind))
const seqs = (items: Item[]) => items.flatMap((item) => (item.kind === 'event' ? [item.event.seq] : []))

test('what has a higher number waits for the transactions below it, and none of what rolled back is heard', async (t) => {
  const room = await openEventsRoom(t)
  const reading = read(room, {}, count(3))
  await endOfTick()
  const failing = room.write(async (ctx) => {
    await room.events.publish(ctx, { type: 'telemetry.alert', subject: 'rolled back', data: {} })
    room.emit('frame')
    throw new Error('no')
  })
  const kept = room.write(async (ctx) => {
    await room.events.publish(ctx, { type: 'telemetry.alert', subject: 'kept', data: {} })
    room.emit('after')
  })
  await Promise.all([rejects(failing, /no/), kept])
  const items = await reading
  deepEqual(subjects(items), ['frame', 'kept', 'after'])
  deepEqual(
    seqs(items),
    seqs(items).toSorted((a, b) => a - b),
  )
})

test('readers that come and go while a writer runs get each event once, in order', async (t) => {
  const room = await openEventsRoom(t, {
    frames: { max: 100_000, bytesMax: 1 << 28, keepMs: 600_000 },
    keepMax: 100_000,
  })
  const written: number[] = []
  const write = async () => {
    for (let i = 0; i < 1500; i++) {
      // A device each, so that none of them gives way to a newer one.
      if (i % 3 === 0) written.push(Number((await room.publish(`c${i}`)).slice('evt-'.length)))
      else room.emit(`d${i}`, i)
    }
    room.emit('last')
  }
  const follow = async (step: number) => {
    const isLast = (items: Item[]) => subjects(items).at(-1) === 'last'
    const seen: number[] = []
    for (let last = 'earliest'; ; last = idOf(seen.at(-1)!)) {
      const items = await read(room, { last_event_id: last }, (items) => items.length >= step || isLast(items))
      seen.push(...seqs(items))
      if (isLast(items)) return seen
    }
  }
  const [first, ...others] = await Promise.all([...[1, 7, 40, 2000].map(follow), write().then(() => [] as number[])])
  equal(first!.length, 1501)
  deepEqual(
    first,
    [...new Set(first)].sort((a, b) => a - b),
  )
  for (const seen of others.slice(0, -1)) deepEqual(seen, first)
  deepEqual(
    written.filter((seq) => !first!.includes(seq)),
    [],
  )
})

test('a cursor beyond everything that ever was is told so, and the stream goes on from now', async (t) => {
  const room = await openEventsRoom(t)
  room.emit('d1')
  const reading = read(room, { last_event_id: 'evt-999999999' }, count(2))
  await endOfTick()
  room.emit('d2')
  deepEqual(subjects(await reading), ['gap', 'd2'])
})

test('filters, types and an instant narrow a stream, replayed and live', async (t) => {
  const room = await openEventsRoom(t)
  room.emit('d1', 1)
  room.emit('d2', 2)
  room.clock.at += 1000
  room.emit('d1', 3)
  await room.publish('c')
  const filtered = { filters: '{"metrics.n":{"$gte":2}}', event_types: 'telemetry.*', last_event_id: 'earliest' }
  const reading = read(room, filtered, count(3))
  await endOfTick()
  room.emit('d3', 1)
  room.emit('d4', 4)
  deepEqual(subjects(await reading), ['d2', 'd1', 'd4'])
  deepEqual(subjects(await read(room, { since: new Date(room.clock.at).toISOString() }, count(2))), ['d1', 'c'])
})

test('who wants frames of some devices is told of theirs alone, and of whatever else says it is of them', async (t) => {
  const room = await openEventsRoom(t)
  const reading = read(room, { filters: { device_id: ['d1', 'd3'] } }, count(4))
  await endOfTick()
  for (const device of ['d1', 'd2', 'd3']) room.emit(device)
  for (const device_id of ['d2', 'd3']) await room.publish('c', { device_id })
  room.emit('d1')
  deepEqual(subjects(await reading), ['d1', 'd3', 'c', 'd1'])
})

test('a cursor before what is still there is told so first, whether it was trimmed, dropped or from before a restart', async (t) => {
  const file = join(testFolder(t), 'state.db')
  const room = await openEventsRoom(t, { file, frames: { max: 9, bytesMax: 900, keepMs: 600_000 }, keepMax: 2 })
  room.emit('d1')
  const first = idOf(seqs(await read(room, { last_event_id: 'earliest' }, count(1)))[0]!)
  for (const name of ['d2', 'd3', 'd4']) room.emit(name)
  const frames = await read(room, { event_types: 'telemetry.frame', last_event_id: first }, count(3))
  deepEqual(subjects(frames), ['gap', 'd3', 'd4'])
  for (const name of ['c1', 'c2', 'c3']) await room.publish(name)
  await room.events.stop()
  const again = await openEventsRoom(t, { file })
  const commands = await read(again, { event_types: 'telemetry.alert', last_event_id: first }, count(3))
  deepEqual(subjects(commands), ['c1', 'c2', 'c3'])
  const lost = await read(again, { event_types: 'telemetry.*', last_event_id: first }, count(1))
  deepEqual(subjects(lost), ['gap'])
})

test('a slow reader gets the newest frame of each device', async (t) => {
  const room = await openEventsRoom(t)
  const frames = await open(room, { event_types: 'telemetry.frame' })
  for (let i = 0; i < 5000; i++) room.emit(`d${i % 700}`, i)
  for (let turn = 0; turn < 20; turn++) await endOfTick()
  const items = [(await frames.next()).value]
  while (items.length < 700) items.push((await frames.next()).value)
  deepEqual(
    items.map((item) => item.event.data.metrics.n),
    Array.from({ length: 700 }, (_, i) => 4300 + i),
  )
})

test('a slow reader of anything else is given what waits, told that more is lost, and no more', async (t) => {
  const room = await openEventsRoom(t, { keepMax: 10_000 })
  const commands = await open(room, { event_types: 'telemetry.alert' })
  for (let i = 0; i < 1100; i++) await room.publish(`c${i}`)
  const items: Item[] = []
  for await (const item of commands) items.push(item)
  deepEqual([items.length, items.at(-1)!.kind], [1001, 'overflow'])
  const last = idOf(seqs(items).at(-1)!)
  const rest = await read(room, { event_types: 'telemetry.alert', last_event_id: last }, count(100))
  deepEqual(subjects(rest).at(-1), 'c1099')
})

test('a stream tells where it begins, and whether everything after its cursor is there', async (t) => {
  const room = await openEventsRoom(t, { frames: { max: 2, bytesMax: 1 << 20, keepMs: 600_000 } })
  const begin = async (input: StreamInput) => {
    const stream = await room.events.stream(room.admin, input)
    stream.end()
    return [stream.cursor, stream.recovered]
  }
  const [before] = await begin({})
  for (const name of ['d1', 'd2', 'd3']) room.emit(name)
  const after = (seq: number) => begin({ last_event_id: idOf(seq) })
  const [released] = await begin({})
  deepEqual(released, (before as number) + 3)
  deepEqual(await after(before as number), [before, false])
  deepEqual(await after((before as number) + 1), [(before as number) + 1, true])
  deepEqual(await after((released as number) + 1), [(released as number) + 1, false])
  deepEqual(await begin({ last_event_id: 'earliest' }), [0, true])
})

test('a type is refused that there is none of, or whose scope is missing; patterns narrow to what may be seen', async (t) => {
  const room = await openEventsRoom(t)
  const stream = (event_types: string, principal = room.admin) => room.events.stream(principal, { event_types })
  await rejects(
    stream('task.done'),
    ({ code, details }: Failure) => `${code} ${details.field}` === 'INVALID_REQUEST event_types',
  )
  await rejects(stream('weather.*'), { code: 'INVALID_REQUEST' })
  const reader = { ...room.admin, scopes: ['telemetry:read' as const] }
  await rejects(stream('command.completed', reader), { code: 'FORBIDDEN' })
  room.emit('d1')
  await room.publish('c1')
  const seen = await read({ ...room, admin: reader }, { event_types: '*', last_event_id: 'earliest' }, count(1))
  deepEqual(subjects(seen), ['d1'])
})

test('a stream of which a key may see nothing at all is refused, and says which scopes there are', async (t) => {
  const room = await openEventsRoom(t)
  for (const [scopes, input] of [
    [[], {}],
    [['telemetry:write'], { event_types: '*' }],
    [['telemetry:read'], { event_types: 'task.*,command.*' }],
  ] as const)
    await rejects(
      room.events.stream({ ...room.admin, scopes: [...scopes] }, input),
      ({ code, details }: Failure) => code === 'FORBIDDEN' && /of telemetry:read, .*task:read/.test(details.issue!),
    )
})

test('history is read page by page, and a trace tells its chain', async (t) => {
  const room = await openEventsRoom(t)
  for (let i = 0; i < 5; i++) await room.publish(`c${i}`, { i })
  room.emit('d1', 9)
  const list = room.events.handlers['events.list'] as (
    ctx: unknown,
    input: object,
  ) => Promise<{ events: { subject: string }[]; next_cursor: string | null }>
  const first = await list(room.ctx, { limit: 4 })
  const rest = await list(room.ctx, { limit: 4, after: first.next_cursor! })
  deepEqual(
    [...first.events, ...rest.events].map(({ subject }) => subject),
    ['c0', 'c1', 'c2', 'c3', 'c4', 'd1'],
  )
  equal(rest.next_cursor, null)
  const blind = { ...room.ctx, principal: { ...room.admin, scopes: ['task:read'] } }
  for (const after of ['earliest', first.next_cursor!])
    deepEqual(await list(blind, { types: 'telemetry.*', after }), { events: [], next_cursor: null })
  const found = await list(room.ctx, { filters: '{"i":3}' })
  deepEqual(
    found.events.map(({ subject }) => subject),
    ['c3'],
  )
  const trace = room.events.handlers['traces.get'] as (
    ctx: unknown,
    input: object,
  ) => Promise<{ events: { subject: string }[] }>
  deepEqual(
    (await trace(room.ctx, { trace_id: '0af7651916cd43dd8448eb211c80319c' })).events.map(({ subject }) => subject),
    ['d1'],
  )
})

test('a trace tells its first thousand events, or some 4 MiB, and that there are more', async (t) => {
  const room = await openEventsRoom(t)
  const shown = async (traceId: string) => {
    const trace = room.events.handlers['traces.get'] as (ctx: unknown, input: object) => Promise<Output<'traces.get'>>
    const { events, truncated } = await trace(room.ctx, { trace_id: traceId })
    return [events.length, truncated]
  }
  const publish = (traceId: string, count: number, data: object) =>
    room.state.write((tx) =>
      room.events.publishAll(
        { ...room.ctx, tx, traceId },
        Array.from({ length: count }, () => ({ type: 'command.completed', subject: 'c', data }) as never),
      ),
    )
  const [long, large] = ['a'.repeat(32), 'b'.repeat(32)]
  await publish(long, 1000, { i: 1 })
  deepEqual(await shown(long), [1000, false])
  await publish(long, 1, { i: 1 })
  deepEqual(await shown(long), [1000, true])
  // Two fit into a page.
  for (let i = 0; i < 4; i++) await publish(large, 10, { text: 'x'.repeat(90_000) })
  deepEqual(await shown(large), [32, true])
})

test('what readers of the past work out of frames goes with them', async (t) => {
  const room = await openEventsRoom(t)
  room.emit('d1')
  const replayed = async () => {
    const [item] = await read(room, { last_event_id: 'earliest' }, count(1))
    return item!.kind === 'event' ? item!.event : undefined
  }
  const [one, other] = [await replayed(), await replayed()]
  equal(one === other, false)
  deepEqual([one!.seq, one!.traceId, one!.data], [other!.seq, other!.traceId, other!.data])
})
