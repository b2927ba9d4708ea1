import { taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import type { Moment } from './gates.ts'
import { makeRun, noteEnded, type Occasion } from './make-run.ts'
import { isDeafTo, isSpent, type TaskRecord, type TriggerRecord } from './record.ts'

/** So many in a transaction. */
const firedAtOnce = 100
/** With a debounce, so many keys may wait. */
const waitingMax = 1000

/**
 * Makes the runs of the events that triggered a task, and forgets those in the same transaction: of each event one run comes,
 * whatever is killed when. What came while it was paused makes none; what came before has a run that waits. Returns when there
 * is more to do; null: when something happens.
 */
export async function fireTriggers(deps: TaskDeps, tx: Tx, task: TaskRecord, moment: Moment): Promise<number | null> {
  const debounceMs = (task.definition.trigger!.debounce_seconds ?? 0) * 1000
  const limit = debounceMs === 0 ? firedAtOnce : waitingMax
  const noted = await deps.store.triggers(tx, task.taskId, limit)
  if (noted.length === 0) return null
  const found = noted.filter(({ at }) => !isDeafTo(task, at)).sort(byTime)
  const quiet = task.pausedAt === null ? moment.now - debounceMs : Number.POSITIVE_INFINITY
  const { due, waiting, wakeAt } =
    debounceMs === 0 ? { due: found, waiting: [], wakeAt: null } : debounced(found, quiet)
  for (const trigger of due.slice(0, firedAtOnce)) await fire(deps, tx, task, trigger, moment)
  const left = new Set([...due.slice(firedAtOnce), ...waiting])
  const taken = noted.filter((one) => !left.has(one))
  await deps.store.clearTriggers(
    tx,
    taken.map(({ triggerId }) => triggerId),
  )
  const isMore = due.length > firedAtOnce || (noted.length === limit && taken.length > 0)
  return isMore ? moment.now : wakeAt && wakeAt + debounceMs
}

/** One that is for many tasks may be noted after what came later. */
function byTime(a: TriggerRecord, b: TriggerRecord): number {
  return a.at - b.at || seqOf(a) - seqOf(b)
}

/** Of each key the newest counts, once it came no later than `quiet`. `wakeAt`: when the first of those that wait came. */
function debounced(found: readonly TriggerRecord[], quiet: number) {
  const newest = [...Map.groupBy(found, ({ dedupeKey }) => dedupeKey).values()].map((group) => group.at(-1)!)
  const waiting = newest.filter(({ at }) => at > quiet)
  const wakeAt = waiting.length === 0 ? null : Math.min(...waiting.map(({ at }) => at))
  return { due: newest.filter(({ at }) => at <= quiet), waiting, wakeAt }
}

function seqOf({ eventId }: TriggerRecord): number {
  return Number(eventId.slice('evt-'.length))
}

async function fire(deps: TaskDeps, tx: Tx, task: TaskRecord, trigger: TriggerRecord, moment: Moment): Promise<void> {
  const { eventId, type, data, dedupeKey, traceId } = trigger
  const event = { id: eventId, type, data }
  const occasion: Occasion = {
    cause: 'event',
    event,
    dedupeKey,
    dependenciesSince: task.firedAt ?? 0,
    traceId,
    causeId: eventId,
  }
  if (isSpent(task)) return
  if (dedupeKey !== null && (await deps.store.hasQueued(tx, task.taskId, dedupeKey))) return
  const depth = await deps.depths.of(tx, eventId)
  // That one was left out for this says an event, too.
  if (depth > taskLimits.causalDepthMax) return
  if (depth === taskLimits.causalDepthMax)
    await noteEnded(deps, tx, task, occasion, { status: 'skipped', reason: 'causal_depth' }, moment.now)
  else await makeRun(deps, tx, task, occasion, moment)
}
