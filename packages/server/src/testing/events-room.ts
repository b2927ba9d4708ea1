import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Tx, WriteCtx } from '../core/context.ts'
import { createEvents, type Events, type EventsOptions, type StreamItem, type Subscription } from '../events/index.ts'
import { createEventStore, openSealer, openState, type StateOptions } from '../storage/state/index.ts'
import { testFolder } from './nexus.ts'
import { admin, testClock, testCtx } from './telemetry-room.ts'

/** What rooms share that are nodes over one state. */
export interface RoomPlace extends Pick<StateOptions, 'file' | 'url' | 'connectionsMax'> {
  /** Of rooms that go by one. */
  clock?: ReturnType<typeof testClock>
}

export interface EventsRoomOptions extends Partial<EventsOptions>, RoomPlace {}

/** What a room says of its place, and what else it says. */
export function placeOf<Room extends RoomPlace>(
  room: Room,
): { place: RoomPlace; options: Omit<Room, keyof RoomPlace> } {
  const { file, url, connectionsMax, clock, ...options } = room
  const place = {
    ...(file !== undefined && { file }),
    ...(url !== undefined && { url }),
    ...(connectionsMax !== undefined && { connectionsMax }),
    ...(clock && { clock }),
  }
  return { place, options }
}

/** The event log over a state in a file of its own, unless told. No loop runs by itself. */
export async function openEventsRoom(t: TestContext, room: EventsRoomOptions = {}) {
  const { place, options } = placeOf(room)
  const { clock = testClock(), file = join(testFolder(t), 'state.db'), ...more } = place
  const state = await openState({ file, ...more })
  t.after(() => state.close())
  const sealer = await openSealer(state, { file: masterKeyOf(t, more.url ?? file), now: 0 })
  const events = await createEvents({
    store: createEventStore(state, sealer),
    now: () => clock.now(),
    keepMs: 86_400_000,
    keepMax: 1000,
    frames: { max: 1000, bytesMax: 1 << 24, keepMs: 600_000 },
    onError: (cause) => t.diagnostic(String(cause)),
    ...options,
  })
  const ctx = testCtx(clock)
  /** Runs `fn` in a transaction of the state. */
  const write = <T>(fn: (ctx: WriteCtx) => Promise<T>) => state.write((tx: Tx) => fn({ ...ctx, tx }))
  const publish = (subject: string, data: Record<string, unknown> = {}) =>
    write((ctx) => events.publish(ctx, { type: 'telemetry.alert', subject, data }))
  return {
    events,
    state,
    sealer,
    clock,
    ctx,
    admin,
    write,
    publish,
    emit: (subject: string, n = 0) => emitFrame(events, subject, n),
  }
}

export function emitFrame(events: Events, subject: string, n: number, metrics: Record<string, unknown> = { n }): void {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  events.emit({
    type: 'telemetry.frame',
    length: 1,
    bytes: 100,
    subjectOf: () => subject,
    dataOf: () => ({ device_id: subject, metrics }),
    traceIdOf: () => traceId,
    knownTraceIdOf: () => traceId,
  })
}

/** What a stream says, until it is over or left. */
export async function* itemsOf(stream: Subscription): AsyncGenerator<StreamItem> {
  try {
    while (!stream.isOver) {
      const item = stream.take()
      if (item) yield item
      else if (!stream.isOver) await new Promise<void>((ready) => stream.whenReady({ ready }))
    }
  } finally {
    stream.end()
  }
}

const masterKeys = new Map<string, string>()

/** Rooms over one state share its master key. */
function masterKeyOf(t: TestContext, state: string): string {
  const known = masterKeys.get(state)
  if (known !== undefined && existsSync(known)) return known
  const file = join(testFolder(t), 'master.key')
  masterKeys.set(state, file)
  return file
}
