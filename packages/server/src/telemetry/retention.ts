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
}

export async function getRetention(deps: RetentionDeps, _ctx: Ctx): Promise<Output<'telemetry.retention.get'>> {
  return deps.retention.get()
}

/** Takes effect at once for what comes in, and within an hour for what is there. */
export async function putRetention(
  deps: RetentionDeps,
  ctx: WriteCtx,
  input: Input<'telemetry.retention.put'>,
): Promise<Output<'telemetry.retention.put'>> {
  await deps.retention.put(ctx.tx, input)
  deps.retention.afterCommit(ctx.tx, () => deps.rules.replace(input))
  return input
}

export interface ExpiryDeps extends RetentionDeps {
  store: TelemetryStore
  latest: LatestValues
  cache: RollUpCache
  warmer: Warmer
  drain: Drain
  now(): number
  onError(cause: unknown): void
}

export interface Expiry extends Loop {
  /** Deletes what is past its retention, now. */
  expireAll(): Promise<void>
}

const restMs = 3_600_000

/** Deletes, hour by hour, what is past its retention. */
export function createExpiry(deps: ExpiryDeps): Expiry {
  const expireAll = async () => {
    const now = deps.now() * 1000
    const cutoffs = new Map<string, Micros>()
    for (const metric of deps.latest.metrics) {
      const cutoff = deps.rules.keptSince(metric, now)
      if (cutoff > 0) cutoffs.set(metric, cutoff)
    }
    if (cutoffs.size === 0) return
    for (const [cutoff, pairs] of Map.groupBy(cutoffs, ([, cutoff]) => cutoff)) {
      const metrics = pairs.map(([metric]) => metric)
      await deps.drain.exclusively(() => deps.store.expire(metrics, cutoff))
    }
    deps.cache.clear()
    deps.warmer.refill()
    const isPast = (metric: string, { at }: { at: Micros }) => at < (cutoffs.get(metric) ?? 0)
    for (const device of deps.latest.devices.keys()) deps.latest.drop(device, isPast)
  }
  return { ...createLoop({ restMs, onError: deps.onError, run: expireAll }), expireAll }
}
