import { type TaskDefinition, taskLimits } from '@nexus/contract'
import { type CompiledSchedule, nextAfter, previousAtOrBefore } from './schedule.ts'

/** The newest tick is on time if it comes no later than this, and others no later than that. */
const onTimeMs = { newest: 10_000, others: 1000 }
const { missedRunsMax, misfireMax } = taskLimits

/** What becomes of the ticks that are due; the oldest first. */
export interface DueTicks {
  /** On time; behind those that are late they wait as these do. */
  fire: number[]
  /** Fired late: one after another, whatever `overlap` says. */
  late: number[]
  missed: number[]
  /** The newest of the missed ticks before those in `missed`; null: there is none. */
  before: number | null
  next: number | undefined
}

/**
 * Sorts the ticks from `next` until now. On time are the newest, if it is at most ten seconds late, and others that are at most
 * one second late. The rest came while nobody was there, and is for the misfire policy: `run_once` runs the newest of them,
 * unless there is one on time; `skip` none; `run_all` the newest `max`. Those older than `grace_seconds` are missed, whatever
 * the policy. From the newest back as many ticks are read as `run_all` may run at most, and 101 more: a hundred are told as
 * missed one by one, and the next stands for itself and all before.
 */
export function dueTicks(
  schedule: CompiledSchedule,
  { misfire = {}, next, now }: { misfire: TaskDefinition['misfire'] | undefined; next: number; now: number },
): DueTicks {
  const { policy = 'run_once', grace_seconds = 3600, max = 10 } = misfire
  const ticks = newestFirst(schedule, next, now)
  const fire = ticks.filter((tick, i) => now - tick <= (i === 0 ? onTimeMs.newest : onTimeMs.others))
  const past = ticks.slice(fire.length)
  const wanted = { run_once: fire.length > 0 ? 0 : 1, skip: 0, run_all: max }[policy]
  const late = past.filter((tick, i) => i < wanted && now - tick <= grace_seconds * 1000)
  const missed = past.slice(late.length)
  return {
    fire: fire.reverse(),
    late: late.reverse(),
    missed: missed.slice(0, missedRunsMax).reverse(),
    before: missed[missedRunsMax] ?? null,
    next: nextAfter(schedule, now),
  }
}

function newestFirst(schedule: CompiledSchedule, from: number, now: number): number[] {
  const ticks: number[] = []
  for (let at = now; ticks.length < misfireMax + missedRunsMax + 1; ) {
    const tick = previousAtOrBefore(schedule, at)
    if (tick === undefined || tick < from) break
    ticks.push(tick)
    at = tick - 1
  }
  return ticks
}
