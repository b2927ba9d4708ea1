import type { Tx } from '../core/context.ts'
import { advanceRollout } from './advance-rollout.ts'
import type { CommandDeps } from './deps.ts'
import { publishChanges } from './publish.ts'
import { type CommandRecord, type ExecutionChange, type ExecutionRecord, isOver } from './record.ts'
import { rolloutSubStatus } from './rollout-standing.ts'
import { countsChange, reasonOfSeveral, statusOf } from './status.ts'

/** Writes changed executions, brings their commands up to date, and tells of it, in one transaction. */
export async function settleExecutions(
  deps: CommandDeps,
  tx: Tx,
  changes: readonly ExecutionChange[],
  now: number,
): Promise<void> {
  await deps.store.saveExecutions(
    tx,
    changes.map(({ after }) => after),
  )
  for (const [commandId, of] of Map.groupBy(changes, ({ after }) => after.commandId)) {
    const change = countsChange(of.map(({ before, after }) => ({ before: before.status, after: after.status })))
    if (Object.keys(change).length > 0 || of.some(isNews))
      await bringUp(deps, tx, await deps.store.count(tx, commandId, change), of, now)
  }
}

/** What its command has to know although it stands as before: a late result, or a device that was lost. */
function isNews({ before, after }: ExecutionChange): boolean {
  return after.late !== before.late || (before.sentAt !== null && after.sentAt === null)
}

async function bringUp(
  deps: CommandDeps,
  tx: Tx,
  before: CommandRecord,
  changes: readonly ExecutionChange[],
  now: number,
): Promise<void> {
  const only = before.targetCount === 1 ? changes[0]!.after : undefined
  const starts = changes.flatMap(({ after }) => after.startedAt ?? [])
  const startedAt = before.startedAt ?? (starts.length === 0 ? null : Math.min(...starts))
  const { status, statusReason } = outcomeOfAll(before, only)
  const after = isOver(status)
    ? overAs({ ...before, status, statusReason, startedAt }, now)
    : { ...before, status, statusReason, startedAt, completedAt: null }
  await publishChanges(deps, tx, { before, after, changes }, now)
  await deps.store.save(tx, after)
  if (!isOver(status)) return advanceRollout(deps, tx, after, now)
  deps.store.afterCommit(tx, () => {
    deps.rollouts.forget(after.commandId)
    deps.ends.tell({ command: after, only })
  })
}

/** An aborted roll-out has failed, whatever became of its executions. */
function outcomeOfAll(
  before: CommandRecord,
  only: ExecutionRecord | undefined,
): Pick<CommandRecord, 'status' | 'statusReason'> {
  const status = statusOf(before.counts, before.targetCount)
  if (isOver(status) && before.rolloutState?.aborted) return { status: 'failed', statusReason: 'rollout_aborted' }
  if (before.statusReason === 'approval_rejected') return { status, statusReason: before.statusReason }
  return { status, statusReason: only ? only.statusReason : reasonOfSeveral(status) }
}

function overAs(command: CommandRecord, now: number): CommandRecord {
  const { rolloutState: state, completedAt } = command
  const over = { ...command, completedAt: completedAt ?? now, rolloutState: state && { ...state, wakeAt: null } }
  return { ...over, subStatus: rolloutSubStatus(over) }
}
