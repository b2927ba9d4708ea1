import type { CommandRollout, RolloutAbort } from '@nexus/contract'
import type { Counts, RolloutState } from './record.ts'

/** A roll-out as it stands, neither aborted nor cancelled. */
export interface RolloutView {
  rollout: CommandRollout
  targetCount: number
  counts: Counts
  state: Pick<RolloutState, 'released' | 'nextAt' | 'paused'>
}

export interface RolloutStep {
  /** So many more devices are given the command, in the order of the targets. */
  release: number
  /** Not before this instant are more; null: as soon as there is room. */
  nextAt: number | null
  /** When to look again although no execution has ended; null: need not. */
  wakeAt: number | null
  abort: RolloutAbort | null
}

const minuteMs = 60_000
/** From so many a minute on, several are released at once: about ten times a second. */
const turnsPerMinute = 600

/**
 * What a roll-out does next:
 *
 *     canary -> spreading -> done          (so many completed; all were released)
 *     canary, spreading -> aborted         (an execution of the canary did not complete; too many did not)
 *
 * Never more than `max_concurrency` are released and not ended; never more than `rate_per_minute` are released in any
 * minute, whatever was missed before. A step follows whenever executions have ended, and at `wakeAt`.
 */
export function nextStep(view: RolloutView, now: number): RolloutStep {
  const { nextAt, paused } = view.state
  const nothing: RolloutStep = { release: 0, nextAt, wakeAt: null, abort: null }
  if (endedIn(view.counts) === view.targetCount) return nothing
  const abort = abortOf(view)
  if (abort) return { ...nothing, abort }
  const room = paused ? 0 : roomOf(view)
  if (room <= 0) return nothing
  if (nextAt !== null && now < nextAt) return { ...nothing, wakeAt: nextAt }
  const pace = paceOf(view.rollout)
  if (!pace) return { ...nothing, release: room, nextAt: null }
  const release = Math.min(room, pace.atOnce)
  const next = now + pace.everyMs
  return { ...nothing, release, nextAt: next, wakeAt: room > release ? next : null }
}

/** Whether the first ones have not all completed yet. */
export function isCanary({ rollout, targetCount, counts }: Omit<RolloutView, 'state'>): boolean {
  return rollout.canary !== undefined && counts.completed < Math.min(rollout.canary, targetCount)
}

/** How many may be released now, but for the rate. */
function roomOf(view: RolloutView): number {
  const { rollout, targetCount, counts, state } = view
  const last = isCanary(view) ? Math.min(rollout.canary!, targetCount) : targetCount
  const live = state.released - endedIn(counts)
  return Math.min(last - state.released, (rollout.max_concurrency ?? targetCount) - live)
}

function abortOf(view: RolloutView): RolloutAbort | null {
  const { rollout, counts } = view
  const failed = counts.failed + counts.timeout
  const missed = failed + counts.cancelled
  if (isCanary(view) && missed > 0)
    return { reason: 'canary_failed', issue: `of the first ${rollout.canary}, ${missed} did not complete` }
  const { failed_percent, min_executed = 1 } = rollout.abort ?? {}
  const ended = endedIn(counts)
  if (failed_percent === undefined || ended < min_executed || failed * 100 < failed_percent * ended) return null
  return { reason: 'failed_percent', issue: `${failed} of ${ended} failed: at least ${failed_percent} percent` }
}

/** Evenly spaced, in whole milliseconds, so that no minute has more than it may. */
function paceOf({ rate_per_minute: rate }: CommandRollout): { atOnce: number; everyMs: number } | undefined {
  if (rate === undefined) return undefined
  const atOnce = Math.max(1, Math.floor(rate / turnsPerMinute))
  return { atOnce, everyMs: Math.ceil(minuteMs / Math.floor(rate / atOnce)) }
}

function endedIn({ completed, failed, timeout, cancelled }: Counts): number {
  return completed + failed + timeout + cancelled
}
