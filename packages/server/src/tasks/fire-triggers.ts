import { taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import type { Look } from './gates.ts'
import { makeRun, noteEnded, type Occasion } from './make-run.ts'
import { isSpent, type TaskRecord, type TriggerRecord } from './record.ts'

/** With a debounce, so many keys may wait. */
const triggersAtOnce = 1000

/**
 * Makes the runs of the events that triggered a task, and forgets those in the same transaction: of each event one run comes,
 * whatever is killed when. Returns when there is more to do; null: when something happens.
 */
export async function fireTriggers(deps: TaskDeps, tx: Tx, task: TaskRecord, look: Look): Promise<number | null> {
  const found = await deps.store.triggers(tx, task.taskId, triggersAtOnce)
  if (found.length === 0) return null
  const debounceMs = (task.definition.trigger!.debounce_seconds ?? 0) * 1000
  const taken: TriggerRecord[] = []
  let wakeAt: number | null = null
  if (debounceMs === 0) {
    for (const trigger of found) await fire(deps, tx, task, trigger, look)
    taken.push(...found)
  } else
    for (const group of Map.groupBy(found, ({ dedupeKey }) => dedupeKey).values()) {
      const newest = group.at(-1)!
      const quietAt = newest.at + debounceMs
      if (quietAt <= look.now) await fire(deps, tx, task, newest, look)
      else wakeAt = Math.min(wakeAt ?? quietAt, quietAt)
      // Of those that wait only the newest counts.
      taken.push(...group.filter((one) => one !== newest || quietAt <= look.now))
    }
  await deps.store.clearTriggers(
    tx,
    taken.map(({ triggerId }) => triggerId),
  )
  return found.length === triggersAtOnce && taken.length > 0 ? look.now : wakeAt
}

async function fire(deps: TaskDeps, tx: Tx, task: TaskRecord, trigger: TriggerRecord, look: Look): Promise<void> {
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
    await noteEnded(deps, tx, task, occasion, { status: 'skipped', reason: 'causal_depth' }, look.now)
  else await makeRun(deps, tx, task, occasion, look)
}
