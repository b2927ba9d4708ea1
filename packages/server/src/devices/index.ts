import type { DeviceStatus } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { TagCondition } from '../core/tag-filter.ts'
import type { Events } from '../events/index.ts'
import { type DeviceHandlers, deviceHandlers } from './handlers.ts'
import type { DeviceStore } from './ports.ts'
import { Presence, type SeenFrame } from './presence.ts'
import { createRegistry } from './registry.ts'
import { standingOf } from './standing.ts'

export type { DeviceChange, DeviceFilter, DeviceRecord, DeviceStore, Seen } from './ports.ts'
export type { SeenFrame } from './presence.ts'

export interface DevicesOptions {
  store: DeviceStore
  events: Pick<Events, 'publish'>
  now(): number
  offlineAfterSeconds: number
  /** How many devices can be online at once. */
  onlineMax: number
  /** Aborted when the server stops: connections that close from then on say nothing of their devices. */
  signal: AbortSignal
  onError(cause: unknown): void
}

export interface Devices extends Loop {
  handlers: DeviceHandlers
  /** Told of frames that are durable, in the order in which they were accepted. Takes no time, and never throws. */
  seen(frames: readonly SeenFrame[]): void
  /**
   * A connection of the device was opened; returns what tells that it has closed, which may be called again. The device is
   * online meanwhile. `traceId`: of the request that opened it.
   */
  attach(deviceId: string, traceId?: string): () => void
  /** The same of a long poll: a device that was answered may ask again, and goes offline by its silence alone. */
  poll(deviceId: string, traceId?: string): (end: 'answered' | 'closed') => void
  /** How devices stand that are known. Without `tx`: as committed. */
  standing(deviceIds: readonly string[], tx?: Tx): Promise<Map<string, DeviceStatus>>
  /** The ids of the devices that meet all conditions, in their order; see `catchUp` for how new that is. */
  select(conditions: readonly TagCondition[], limit: number, signal: AbortSignal): Promise<string[]>
  /** Told of the newest frame of devices that telemetry remembers from before this start. */
  reconcile(remembered: readonly SeenFrame[]): Promise<void>
  /** Writes everything down that memory knows; the loop does so by itself, and `stop` once more. */
  flush(): Promise<void>
}

const restMs = 1000
const pauseMs = 100
const saveSeenMs = 30_000
const restoredAtOnce = 1000
const waitedForMax = 1000

/** The registry of devices: who there is and who is online, what is set of them, and the events of that. */
export async function createDevices(options: DevicesOptions): Promise<Devices> {
  const { store, events, now, offlineAfterSeconds, onlineMax: max, signal } = options
  const presence = new Presence({
    now,
    offlineAfterMs: offlineAfterSeconds * 1000,
    max,
    signal,
    onNews: () => loop.wake(),
  })
  const registry = createRegistry({ store, events, presence, now })
  const flush = (deviceId?: string) => {
    presence.sweep()
    return registry.flush(deviceId)
  }
  const catchUp = async (signal: AbortSignal) => {
    presence.sweep()
    if (presence.changed > waitedForMax) return
    await unlessAborted(
      registry.flush().catch(() => {}),
      signal,
    )
  }
  const flushAll = async () => {
    await flush()
    await registry.saveSeen()
  }
  let savedAt = now()
  const loop = createLoop({
    restMs,
    pauseMs,
    onError: options.onError,
    async run() {
      const turnedAway = presence.turnedAway()
      if (turnedAway > 0) options.onError(noRoom(turnedAway, max))
      await flush()
      if (now() < savedAt + saveSeenMs) return
      savedAt = now()
      await registry.saveSeen()
    },
  })
  await restore(store, presence)
  return {
    handlers: deviceHandlers({ store, events, presence, flush, catchUp }),
    seen: (frames) => presence.seen(frames),
    attach: (deviceId, traceId) => presence.attach(deviceId, traceId),
    poll: (deviceId, traceId) => presence.poll(deviceId, traceId),
    standing: (deviceIds, tx) => standingOf(store, presence, deviceIds, tx),
    async select(conditions, limit, signal) {
      await catchUp(signal)
      const found = await store.list({ status: undefined, conditions, after: undefined, limit })
      return found.map(({ deviceId }) => deviceId)
    },
    reconcile: (remembered) => registry.reconcile(remembered.map((frame) => rememberedOf(frame, now()))),
    flush: flushAll,
    start: loop.start,
    async stop() {
      await loop.stop()
      await flushAll()
    },
  }
}

/** Rejects with the signal's reason once it is aborted. */
async function unlessAborted(waited: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([waited, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function restore(store: DeviceStore, presence: Presence): Promise<void> {
  for (let after: string | undefined; ; ) {
    const devices = await store.online({ after, limit: restoredAtOnce })
    presence.restore(devices)
    after = devices.at(-1)?.deviceId
    if (after === undefined) return
  }
}

/** When it arrived nobody knows any more; the timestamp says about when. */
function rememberedOf({ deviceId, at, tags = {} }: SeenFrame, now: number) {
  const seenAt = Math.min(Math.floor(at / 1000), now)
  return {
    deviceId,
    online: undefined,
    alive: false,
    reason: 'silent',
    seenAt,
    tags,
    tagsAt: at,
    traceId: undefined,
  } as const
}

function noRoom(count: number, max: number): Error {
  return new Error(
    `${count} signs of life came of devices beyond the ${max} that can be online at once: they are registered with a later one, once there is room`,
  )
}
