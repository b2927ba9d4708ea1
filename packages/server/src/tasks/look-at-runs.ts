import { isDeepStrictEqual } from 'node:util'
import type { Tx } from '../core/context.ts'
import type { TaskDeps } from './deps.ts'
import { endRun } from './end-run.ts'
import { type Look, passGates } from './gates.ts'
import type { RunRecord, TaskRecord } from './record.ts'
import { stallMs } from './run-work.ts'

/** How often a guard is asked about again. */
const guardMs = 15_000
/** What stands behind so many waits for its turn, whatever else it waits for. */
const heldAtOnce = 200

/**
 * Lets the runs of a task that wait through the gates that have opened, the oldest first. Returns when it has to be looked
 * at again; null: when something happens.
 */
export async function lookAtRuns(deps: TaskDeps, tx: Tx, task: TaskRecord, look: Look): Promise<number | null> {
  const held = await deps.store.heldRuns(tx, task.taskId, heldAtOnce)
  if (held.length === 0) return null
  const found = await deps.work.find(
    held.map(({ runId }) => runId),
    tx,
  )
  const items = new Map(found.map((item) => [item.id, item]))
  let isBusy = await deps.store.isBusy(tx, task.taskId)
  let wakeAt: number | null = null
  for (const run of held) {
    const passed = await passGates(deps, tx, task, run, { ...look, isBusy })
    if ('end' in passed) {
      await endRun(deps, tx, run, { ...passed, status: passed.end })
      continue
    }
    const { waitingFor, parameters, startBy } = passed
    if (waitingFor === null) {
      const readyAt = Math.max(look.now, items.get(run.runId)?.notBefore ?? 0)
      await release(deps, tx, run, parameters, readyAt)
      isBusy ||= run.plan.inTurn
    } else if (!isDeepStrictEqual(waitingFor, items.get(run.runId)?.waitingFor))
      await deps.work.hold(tx, [run.runId], waitingFor, startBy)
    if (waitingFor?.reason !== 'guard') continue
    wakeAt = look.now + guardMs
    if (!look.guard) deps.store.afterCommit(tx, () => deps.guards.ask(task.taskId))
  }
  return wakeAt
}

async function release(
  { store, work }: TaskDeps,
  tx: Tx,
  run: RunRecord,
  parameters: RunRecord['parameters'],
  readyAt: number,
): Promise<void> {
  const stallAt = run.plan.handler.type === 'worker' ? readyAt + stallMs : null
  await work.hold(tx, [run.runId], null, null)
  const [locked] = await store.lockRuns(tx, [run.runId])
  if (locked) await store.saveRuns(tx, [{ ...locked, isHeld: false, parameters, stallAt }])
}
