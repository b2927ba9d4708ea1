import type { Change, OnChange } from '../work/index.ts'
import { afterWork } from './after-work.ts'
import type { CommandDeps } from './deps.ts'
import type { ExecutionChange, ExecutionRecord, Said } from './record.ts'
import { settleExecutions } from './settle.ts'

/** Brings executions up to date with the work behind them, in the transaction in which that changes. */
export function onWorkChange(deps: CommandDeps): OnChange {
  const { store, told, receivers, rollouts } = deps
  return async (tx, changes, now) => {
    const news = changes.filter(isNews)
    if (news.length === 0) return
    const found = await store.findExecutions(
      news.map(({ after }) => after.id),
      tx,
    )
    const executions = new Map(found.map((execution) => [execution.executionId, execution]))
    const changed = news.flatMap(({ before: was, after: item }): ExecutionChange[] => {
      const before = executions.get(item.id)
      return before ? [{ before, after: withSaid(afterWork(before, was, item), told.of(tx, item.id)) }] : []
    })
    const items = new Map(news.map(({ after }) => [after.id, after]))
    await settleExecutions(deps, tx, changed, now)
    store.afterCommit(tx, () => {
      for (const { before, after } of changed)
        if (before.sentAt === null && after.sentAt !== null) rollouts.given(after)
      for (const { after } of changed) receivers.changed(after, items.get(after.executionId)!)
      const elsewhere = changed.filter(isToStop).filter(({ after }) => !receivers.holds(after))
      if (elsewhere.length > 0) store.announceCancelled(elsewhere.map(({ after }) => after.executionId))
    })
  }
}

/** The abort of a roll-out does not hide that a device may have done what it was given. */
function withSaid(after: ExecutionRecord, said: Said | undefined): ExecutionRecord {
  const isUnknown = after.subStatus === 'unconfirmed' && said?.subStatus === 'aborted'
  return { ...after, ...said, ...(isUnknown && { subStatus: after.subStatus }) }
}

function isToStop({ before, after }: ExecutionChange): boolean {
  return after.subStatus === 'cancelling' && before.subStatus !== after.subStatus
}

/** More than a sign of life of the worker. */
function isNews({ before, after }: Change): boolean {
  if (!before) return false
  const isGiven = before.state !== after.state || before.leaseToken !== after.leaseToken
  return isGiven || before.cancelRequestedAt !== after.cancelRequestedAt
}
