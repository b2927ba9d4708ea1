import { taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import type { Moment } from './gates.ts'
import { makeRun, noteEnded, type Occasion } from './make-run.ts'
import { isDeafTo, isSpent, type TaskRecord, type TriggerRecord } from './record.ts'

/** With a debounce, so many keys may wait. */
const triggersAtOnce = 1000

/**
 * Makes the runs of the events that triggered a task, and forgets those in the same transaction: of each event one run comes,
 * whatever is killed when. What came while it was paused makes none; what came before has a run that waits. Returns when there
 * is more to do; null: when something happens.
 */
export async function fireTriggers(deps: TaskDeps, tx: Tx, task: TaskRecord, moment: Moment): Promise<number | null> {
  const noted = await deps.store.triggers(tx, task.taskId, triggersAtOnce)
  if (noted.length === 0) return null
  // One that is for many tasks may be noted after what came later.
  const found = noted.filter(({ at }) => !isDeafTo(task, at)).sort((a, b) => a.at - b.at || seqOf(a) - seqOf(b))
  const debounceMs = (task.definition.trigger!.debounce_seconds ?? 0) * 1000
  const taken: TriggerRecord[] = noted.filter(({ at }) => isDeafTo(task, at))
  const isQuiet = (at: number) => at + debounceMs <= moment.now || task.pausedAt !== null
  let wakeAt: number | null = null
  if (debounceMs === 0) {
    for (const trigger of found) await fire(deps, tx, task, trigger, moment)
    taken.push(...found)
  } else
    for (const group of Map.groupBy(found, ({ dedupeKey }) => dedupeKey).values()) {
      const newest = group.at(-1)!
      if (isQuiet(newest.at)) await fire(deps, tx, task, newest, moment)
      else wakeAt = Math.min(wakeAt ?? Number.POSITIVE_INFINITY, newest.at + debounceMs)
      // Of those that wait only the newest counts.
      taken.push(...group.filter((one) => one !== newest || isQuiet(one.at)))
    }
  await deps.store.clearTriggers(
    tx,
    taken.map(({ triggerId }) => triggerId),
  )
  return noted.length === triggersAtOnce && taken.length > 0 ? moment.now : wakeAt
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
  if ((await deps.depths.of(tx, eventId)) >= taskLimits.causalDepthMax)
    await noteEnded(deps, tx, task, occasion, { status: 'skipped', reason: 'causal_depth' }, moment.now)
  else await makeRun(deps, tx, task, occasion, moment)
}
