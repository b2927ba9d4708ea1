import { type FrameReceipt, telemetryLimits } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import { type Ctx, deviceFault } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { idSequence } from '../core/ids.ts'
import type { Fault } from '../core/value.ts'
import { FrameText, isFault, type ReadFrame, readFrame } from './frame.ts'
import type { WrittenPack } from './frame-pack.ts'
import type { AcceptedFrames, Gather } from './gather.ts'
import type { Micros } from './instant.ts'
import type { LatestValues } from './latest-values.ts'
import type { PointQuota } from './point-quota.ts'
import type { SeenAnswer } from './ports.ts'
import type { ReceiptMoments } from './receipt-moments.ts'
import type { RetentionRules } from './retention-rules.ts'

export interface IntakeDeps {
  gather: Gather
  latest: LatestValues
  quota: PointQuota
  moments: ReceiptMoments
  retention: RetentionRules
  /** How far ahead of the clock a frame may lie. */
  futureLimit: Micros
}

export type Refusal = Fault & { code: 'INVALID_REQUEST' | 'FORBIDDEN' | 'RATE_LIMIT_EXCEEDED' }

/** `memory`: who sent it doesn't wait for the disk. */
export type Ack = 'durable' | 'memory'

/** All frames that one request brought, on their way into the log. */
export interface Intake {
  /** Checks a frame and adds it; a refused one leaves no trace. `text` is what it was read from, but for an `ack`. */
  take(value: unknown, text?: string): FrameReceipt | Refusal
  /** The same for each frame of a pack, one after another; all must be asked for. Of an intake that takes nothing else. */
  takePack(written: WrittenPack): Iterable<FrameReceipt | Refusal>
  /** Keeps an answer to be given again under an idempotency key. */
  remember(answer: SeenAnswer): void
  /** Resolves when everything that was taken, repeats too, is durable (`memory`: at once). */
  commit(ack: Ack): Promise<void>
}

export function isRefusal(result: FrameReceipt | Refusal): result is Refusal {
  return 'issue' in result
}

export function createIntakes(deps: IntakeDeps): (ctx: Ctx) => Intake {
  const { gather, latest, quota, moments, retention } = deps
  const frameId = idSequence('frame')

  return (ctx) => {
    const now = ctx.now()
    const receivedAt = now * 1000
    const received_at = toIso(now)
    const frames: ReadFrame[] = []
    let taken: AcceptedFrames = frames
    let accepted = 0
    const seen = new Map<string, SeenAnswer>()

    const remember = (answer: SeenAnswer) => void seen.set(answer.key, answer)
    const accept = (frame: ReadFrame): FrameReceipt => {
      if (ctx.givenTraceId !== undefined) frame.traceId = ctx.givenTraceId
      accepted++
      const changed = latest.update(frame)
      const receipt: FrameReceipt = { success: true, frame_id: frame.frameId ?? frameId(), received_at }
      if (changed.length > 0) receipt.warnings = changed.slice(0, telemetryLimits.frameWarningsListed).map(typeChanged)
      if (frame.frameId !== undefined) remember(seenFrame(frame, receipt))
      return receipt
    }

    const newestAt = () => Math.max(receivedAt, moments.last)
    const judge = (frame: ReadFrame | Fault): FrameReceipt | Refusal => {
      if (isFault(frame)) return { code: 'INVALID_REQUEST', ...frame }
      const refusal =
        mayNot(ctx, frame) ?? tooNew(frame, newestAt(), deps.futureLimit) ?? tooOld(retention, frame, receivedAt)
      if (refusal) return refusal
      const key = frame.frameId === undefined ? undefined : frameKey(frame)
      const earlier = key === undefined ? undefined : (seen.get(key) ?? gather.seen(key))
      if (earlier) return { ...JSON.parse(earlier.answer), duplicate: true }
      const full = latest.mayTake(frame)
      if (full) return { code: 'INVALID_REQUEST', ...full }
      if (quota.spend(ctx.principal, frame.points.length, now)) return accept(frame)
      const spent = quotaSpent(quota)
      // What was accepted before it stays accepted: to throw now would take it back without a trace.
      if (accepted > 0) return { code: 'RATE_LIMIT_EXCEEDED', field: 'metrics', issue: spent.details.issue! }
      throw spent
    }

    /** Whether no frame of a pack can be refused, repeated or warned of: then nobody looks at each. */
    const mayTakeWhole = ({ pack, minAt, maxAt }: WrittenPack): boolean =>
      pack.isPlain &&
      maxAt <= newestAt() + deps.futureLimit &&
      pack.metrics.every((metric) => minAt >= retention.keptSince(metric, receivedAt)) &&
      pack.devices.every((device) => !deviceFault(ctx.principal, device)) &&
      latest.mayTakeWhole(pack) &&
      quota.spend(ctx.principal, pack.pointCount, now)

    return {
      take(value, text) {
        const moment = moments.take(1)
        const frame = readFrame(value, moment)
        if (text !== undefined && !isFault(frame)) frame.again = new FrameText(text, moment)
        const before = accepted
        const result = judge(frame)
        if (accepted > before) frames.push(frame as ReadFrame)
        return result
      },
      *takePack(written) {
        const { pack } = written
        pack.traceId = ctx.givenTraceId
        if (mayTakeWhole(written)) {
          latest.updateWhole(pack)
          taken = written
          for (; accepted < pack.length; accepted++) yield { success: true, frame_id: frameId(), received_at }
          return
        }
        const kept: number[] = []
        let read = 0
        for (const frame of pack.each()) {
          const before = accepted
          yield judge(frame)
          if (accepted > before) kept.push(read)
          if (!isFault(frame)) read++
        }
        // A block can't be cut: those that are left of it are written anew.
        if (kept.length === pack.length) taken = written
        else for (const index of kept) frames.push(pack.at(index))
      },
      remember,
      commit(ack) {
        const durable = ack === 'durable'
        // Nothing new may still be a repeat of what is on its way to the disk.
        if (accepted === 0) return durable ? gather.settled() : Promise.resolve()
        const committed = gather.add(taken, seen)
        // A log that is full refuses at once: who doesn't wait for the disk is told all the same.
        return durable ? committed : Promise.race([committed, undefined])
      },
    }
  }
}

function mayNot(ctx: Ctx, frame: ReadFrame): Refusal | undefined {
  const bad = deviceFault(ctx.principal, frame.deviceId)
  return bad && { code: 'FORBIDDEN', ...bad }
}

function tooNew({ at }: ReadFrame, now: Micros, futureLimit: Micros): Refusal | undefined {
  if (at <= now + futureLimit) return undefined
  const issue = `is more than ${Math.round(futureLimit / 1e6)} s in the future`
  return { code: 'INVALID_REQUEST', field: 'timestamp', issue }
}

function tooOld(retention: RetentionRules, frame: ReadFrame, now: Micros): Refusal | undefined {
  const point = frame.points.find(({ metric }) => frame.at < retention.keptSince(metric, now))
  if (!point) return undefined
  return { code: 'INVALID_REQUEST', field: 'timestamp', issue: `is older than the retention of ${point.metric}` }
}

function quotaSpent(quota: PointQuota) {
  const details = {
    reason: 'points_per_minute',
    limit: quota.perMinute,
    issue: `takes at most ${quota.perMinute} points a minute`,
  }
  return fail('RATE_LIMIT_EXCEEDED', details, { retryAfterSeconds: 60 })
}

function typeChanged(metric: string) {
  return { reason: 'type_changed', field: `metrics.${metric}`, issue: 'has another type than before; both are kept' }
}

function frameKey(frame: ReadFrame): string {
  return `frame ${frame.deviceId} ${frame.frameId}`
}

function seenFrame(frame: ReadFrame, receipt: FrameReceipt): SeenAnswer {
  return { key: frameKey(frame), bodyHash: '', answer: JSON.stringify(receipt) }
}
