import { setImmediate as endOfTick } from 'node:timers/promises'
import type { BatchReceipt, FrameReceipt } from '@nexus/contract'
import type { Ctx, Idempotent } from '../core/context.ts'
import { createLoop } from '../core/loop.ts'
import type { Devices, SeenFrame } from '../devices/index.ts'
import type { Events } from '../events/index.ts'
import { finishDeletions } from './delete.ts'
import { DirtyHours } from './dirty-hours.ts'
import { createDrain } from './drain.ts'
import type { ReadFrame } from './frame.ts'
import { FrameEvents } from './frame-events.ts'
import { FramePack } from './frame-pack.ts'
import { createGather } from './gather.ts'
import { telemetryHandlers } from './handlers.ts'
import { type Ack, createIntakes } from './intake.ts'
import { LatestValues } from './latest-values.ts'
import { toValue } from './point.ts'
import { createPointQuota } from './point-quota.ts'
import type { DrainBatch, IngestLog, LatestRow, RetentionStore, TelemetryStore } from './ports.ts'
import { createReceiptMoments } from './receipt-moments.ts'
import { createExpiry } from './retention.ts'
import { createRetentionRules } from './retention-rules.ts'
import { RollUpCache } from './roll-up-cache.ts'
import { createRoller } from './roller.ts'
import { sendFrame } from './send.ts'
import { type BatchInput, sendBatch } from './send-batch.ts'
import { TagSets } from './tag-sets.ts'
import { createTakeBack } from './take-back.ts'
import { createWarmer } from './warmer.ts'

export { checkAck, checkBesideFrames } from './check-input.ts'
export { UnreadFrame } from './frame.ts'
export { type PackedFrames, packFrames, type WrittenPack, writtenPack } from './frame-pack.ts'
export { uselessParameter } from './question.ts'
export { type BatchInput, noneAccepted } from './send-batch.ts'

export interface TelemetryOptions {
  log: IngestLog
  store: TelemetryStore
  retention: RetentionStore
  events: Pick<Events, 'emit'>
  devices: Pick<Devices, 'seen' | 'reconcile'>
  now(): number
  futureLimitSeconds: number
  pointsPerMinute: number
  rollUpQuietSeconds: number
  latestSeriesMax: number
  deviceSeriesMax: number
  queryCacheBytes: number
  onDrained(batch: DrainBatch, ms: number): void
  onError(loop: string, cause: unknown): void
}

export type Telemetry = Awaited<ReturnType<typeof createTelemetry>>

const sweepMs = 15 * 60_000
const loadDevices = 1000
const tagSetsMax = 100_000

/**
 * The telemetry room: intake, drain, roll-ups, queries. When it resolves it has recovered: what a crash left in the log
 * is in the store, and last values are in memory.
 */
export async function createTelemetry(options: TelemetryOptions) {
  const { log, store, retention, now } = options
  const onError = (loop: string) => (cause: unknown) => options.onError(loop, cause)
  const latest = new LatestValues(options.latestSeriesMax, options.deviceSeriesMax)
  const dirty = new DirtyHours()
  const cache = new RollUpCache(options.queryCacheBytes)
  const tagSets = new TagSets(tagSetsMax)
  const rules = createRetentionRules()
  const quota = createPointQuota(options.pointsPerMinute)

  const drain = createDrain({ log, store, dirty, cache, now, onBatch: options.onDrained, onError: onError('drain') })
  const warmer = createWarmer({ store, cache, latest, now, onError: onError('warmer') })
  const roller = createRoller({
    log,
    store,
    dirty,
    drain,
    cache,
    now,
    quietMs: options.rollUpQuietSeconds * 1000,
    onRolled: warmer.wishHours,
    onError: onError('roller'),
  })
  const expiry = createExpiry({ rules, store, latest, cache, warmer, drain, now, onError: onError('expiry') })
  const recall = () => drain.exclusively(() => loadLatest(store, latest))
  const sweeper = createLoop({
    restMs: sweepMs,
    async run(signal) {
      while (!signal.aborted && log.sweepSeen(now())) await endOfTick()
    },
    onError: onError('sweeper'),
  })

  dirty.mark(log.dirtyHours(), now())
  await finishDeletions({ log, store, dirty, cache }, now())
  await drain.settle(0, Number.MAX_SAFE_INTEGER)
  rules.replace(await retention.get())
  await loadLatest(store, latest, (rows) => options.devices.reconcile(newestFrames(rows)))
  expiry.forget()
  for (const { id, tags } of await store.tagSets(tagSetsMax)) tagSets.learn(id, tags)

  const takeBack = createTakeBack({ latest, drain, store, onError: onError('take-back') })
  const onKept = (frames: readonly ReadFrame[] | FramePack) => {
    options.devices.seen(frames instanceof FramePack ? frames.newest() : frames)
    options.events.emit(new FrameEvents(frames))
  }
  const gather = createGather({ log, writer: store.frameWriter, tagSets, onKept, takeBack })
  const futureLimit = options.futureLimitSeconds * 1_000_000
  const moments = createReceiptMoments(now)
  const intake = createIntakes({ gather, latest, quota, moments, retention: rules, futureLimit })
  const deps = {
    log,
    store,
    gather,
    drain,
    dirty,
    cache,
    tagSets,
    warmer,
    latest,
    retention,
    rules,
    recall,
    forget: expiry.forget,
    intake,
  }
  const loops = [drain, roller, warmer, expiry, sweeper]
  return {
    handlers: telemetryHandlers(deps),
    /** The ways in that transports call directly, because bodies of frames are checked by the intake itself. */
    send: (ctx: Ctx, frame: object, ack: Ack, idempotent?: Idempotent, text?: string): Promise<FrameReceipt> =>
      sendFrame(deps, ctx, frame, ack, idempotent, text),
    sendBatch: (ctx: Ctx, input: BatchInput, idempotent?: Idempotent): Promise<BatchReceipt> =>
      sendBatch(deps, ctx, input, idempotent),
    /** The moment of receipt of the first of so many frames; see `packFrames`. */
    momentsFor: (frames: number) => moments.take(frames),
    rollAll: () => drain.settle(0, Number.MAX_SAFE_INTEGER).then(roller.rollAll),
    expireAll: () => expiry.expireAll(),
    warmAll: warmer.warmAll,
    /** The newest reading of a metric that memory has, with its timestamp in ms; undefined: none, or it is no plain value. */
    lastReading(deviceId: string, metric: string): { at: number; reading: number | string | boolean } | undefined {
      const value = latest.devices.get(deviceId)?.metrics.get(metric)
      if (!value || value.kind === 'array' || value.kind === 'object') return undefined
      return { at: value.at / 1000, reading: toValue(value.kind, value.num, value.str) as number | string | boolean }
    },
    depth: () => log.depth(),
    dirtyHours: () => dirty.size,
    rollUpsInMemory: () => ({ bytes: cache.bytes, complete: warmer.idle() }),
    start: () => {
      for (const loop of loops) loop.start()
    },
    /** Ends the loops, and moves what is in the log into the store as far as time allows; the rest stays in the log. */
    async stop(graceMs: number) {
      await Promise.all(loops.map((loop) => loop.stop()))
      await drain.settleWithin(graceMs).catch(onError('drain'))
    },
  }
}

/** `onPage` is told of what the store has, a page of devices at a time: memory may hold only some. */
async function loadLatest(
  store: TelemetryStore,
  latest: LatestValues,
  onPage?: (rows: readonly LatestRow[]) => Promise<void>,
): Promise<void> {
  for (let after: string | undefined; ; ) {
    const rows = await store.latest({ ...(after === undefined ? {} : { after }), limit: loadDevices })
    latest.load(rows)
    await onPage?.(rows)
    after = rows.at(-1)?.device
    if (after === undefined) break
  }
  for (let after: string | undefined; ; ) {
    const metrics = await store.metrics({ ...(after === undefined ? {} : { after }), limit: loadDevices })
    for (const { name, kinds } of metrics) latest.learn(name, kinds)
    after = metrics.at(-1)?.name
    if (after === undefined) break
  }
}

/** Of each device, what its newest frame was. */
function newestFrames(rows: readonly LatestRow[]): SeenFrame[] {
  const newest = new Map<string, SeenFrame>()
  for (const { device: deviceId, at, tags } of rows)
    if (at >= (newest.get(deviceId)?.at ?? 0)) newest.set(deviceId, { deviceId, at, tags })
  return [...newest.values()]
}
