import type { Input, Output } from '@nexus/contract'
import type { Ctx, WriteCtx } from '../core/context.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { Drain } from './drain.ts'
import type { Micros } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import type { RetentionStore, TelemetryStore } from './ports.ts'
import type { RetentionRules } from './retention-rules.ts'
import type { RollUpCache } from './roll-up-cache.ts'
import type { Warmer } from './warmer.ts'

export interface RetentionDeps {
  retention: RetentionStore
  rules: RetentionRules
  /** Reads latest values from the store again, those that are past too. */
  recall(): Promise<void>
  /** Forgets latest values that are past. */
  forget(): void
}

export async function getRetention(deps: RetentionDeps, _ctx: Ctx): Promise<Output<'telemetry.retention.get'>> {
  return deps.retention.get()
}

/**
 * Takes effect at once for what comes in and what queries show, and in its time on the disk. Latest values must have been
 * recalled: what was past may be so no more, and queries take a series that has none for one without points.
 */
export async function putRetention(
  deps: RetentionDeps,
  ctx: WriteCtx,
  input: Input<'telemetry.retention.put'>,
): Promise<Output<'telemetry.retention.put'>> {
  await deps.retention.put(ctx.tx, input)
  deps.retention.afterCommit(ctx.tx, () => {
    deps.rules.replace(input)
    deps.forget()
  })
  return input
}

export interface ExpiryDeps {
  rules: RetentionRules
  store: TelemetryStore
  latest: LatestValues
  cache: RollUpCache
  warmer: Warmer
  drain: Drain
  now(): number
  onError(cause: unknown): void
}

export interface Expiry extends Loop {
  /** Deletes what is due, and forgets the latest values that are past, now. */
  expireAll(): Promise<void>
  /** Forgets the latest values that are past. */
  forget(): void
}

const restMs = 3_600_000

/**
 * Deletes what is past its retention. Queries leave it out by themselves, so that there is no hurry: where a month is to be
 * rewritten, it waits until a full day of it is past.
 */
export function createExpiry(deps: ExpiryDeps): Expiry {
  const forget = () => {
    const now = deps.now() * 1000
    const isPast = (metric: string, { at }: { at: Micros }) => at < deps.rules.keptSince(metric, now)
    for (const device of deps.latest.devices.keys()) deps.latest.drop(device, isPast)
  }
  const expireAll = async (signal?: AbortSignal) => {
    const cutoffs = deps.rules.cutoffs(deps.latest.metrics, deps.now() * 1000)
    if (cutoffs.length === 0) return
    const parts = await deps.store.pastParts(cutoffs)
    try {
      for (const part of parts) {
        if (signal?.aborted) return
        await deps.drain.exclusively(() => deps.store.expire(cutoffs, part))
      }
    } finally {
      if (parts.length > 0) {
        deps.cache.clear()
        deps.warmer.refill()
      }
    }
    forget()
  }
  return { ...createLoop({ restMs, onError: deps.onError, run: expireAll }), expireAll, forget }
}
