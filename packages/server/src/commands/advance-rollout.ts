import type { RolloutAbort } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { CommandDeps } from './deps.ts'
import type { CommandRecord, RolloutState } from './record.ts'
import { nextStep } from './rollout.ts'
import { isRolling, type RollingCommand, rolloutSubStatus } from './rollout-standing.ts'

/** Does the next step of a roll-out, as far as it may. Nobody else changes the command until the transaction ends. */
export async function advanceRollout(deps: CommandDeps, tx: Tx, command: CommandRecord, now: number): Promise<void> {
  if (command.rolloutState?.aborted) return endPending(deps, tx, command)
  if (!isRolling(command)) return
  const { rolloutState: state } = command
  const { release, nextAt, wakeAt, abort } = nextStep({ ...command, state }, now)
  if (abort) return abortRollout(deps, tx, command, abort)
  if (release > 0 || wakeAt !== state.wakeAt || rolloutSubStatus(command) !== command.subStatus)
    await saveRollout(deps, tx, command, { ...state, released: state.released + release, nextAt, wakeAt })
  if (release > 0) await releaseNext(deps, tx, command, release, now)
  if (wakeAt !== null) deps.store.afterCommit(tx, () => deps.rollouts.expect(wakeAt))
}

/**
 * Stops a roll-out: what no device has taken ends as cancelled, what is under way goes on, and the command fails once that
 * has ended.
 */
export async function abortRollout(
  deps: CommandDeps,
  tx: Tx,
  command: RollingCommand,
  aborted: RolloutAbort,
): Promise<void> {
  await saveRollout(deps, tx, command, { ...command.rolloutState, wakeAt: null, aborted })
  await endPending(deps, tx, command)
}

/** Of an aborted roll-out no attempt is begun any more, not even one of a device that was lost. */
async function endPending(deps: CommandDeps, tx: Tx, { commandId }: CommandRecord): Promise<void> {
  const live = await deps.store.liveExecutions(tx, commandId)
  for (const id of live) deps.told.note(tx, id, { subStatus: 'aborted', statusReason: 'rollout_aborted' })
  await deps.work.cancel(tx, live, 'pending')
}

export async function saveRollout(
  { store }: Pick<CommandDeps, 'store'>,
  tx: Tx,
  command: CommandRecord,
  rolloutState: RolloutState,
): Promise<CommandRecord> {
  const changed = { ...command, rolloutState }
  const after = { ...changed, subStatus: rolloutSubStatus(changed) }
  await store.save(tx, after)
  return after
}

/** Their time to be delivered counts from now. */
async function releaseNext(
  { store, work }: CommandDeps,
  tx: Tx,
  { commandId, delivery, rolloutState: { released } }: RollingCommand,
  release: number,
  now: number,
): Promise<void> {
  const after = released === 0 ? undefined : released - 1
  const next = await store.executions({ commandId, status: undefined, after, limit: release }, tx)
  const ids = next.map(({ executionId }) => executionId)
  await work.hold(tx, ids, null, now + delivery.ttl_seconds * 1000)
}
