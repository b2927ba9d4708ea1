import type { CommandSubStatus, RolloutStanding } from '@nexus/contract'
import { toIsoOrNull } from '../core/clock.ts'
import { type CommandRecord, isOver, type RolloutState } from './record.ts'
import { isCanary, nextStep } from './rollout.ts'

/** A roll-out that may go on, now or once it is resumed. */
export type RollingCommand = CommandRecord & {
  rollout: NonNullable<CommandRecord['rollout']>
  rolloutState: RolloutState
}

export function isRolling(command: CommandRecord): command is RollingCommand {
  const { status, subStatus, cancelRequestedAt, rollout, rolloutState } = command
  if (isOver(status) || subStatus === 'awaiting_approval' || cancelRequestedAt !== null) return false
  return rollout !== null && rolloutState !== null && rolloutState.aborted === null
}

/** A command with the first step of its roll-out, if it is one. */
export function withRollout(command: CommandRecord, now: number): CommandRecord {
  if (!command.rollout) return command
  const idle: RolloutState = { released: 0, nextAt: null, wakeAt: null, paused: false, aborted: null }
  const before = { ...command, rolloutState: idle }
  if (!isRolling(before)) return before
  const { release: released, nextAt, wakeAt } = nextStep({ ...before, state: idle }, now)
  const after = { ...before, rolloutState: { ...idle, released, nextAt, wakeAt } }
  return { ...after, subStatus: rolloutSubStatus(after) }
}

/** What the command is about as a whole, where that is not its executions. */
export function rolloutSubStatus(command: CommandRecord): CommandSubStatus | null {
  const { status, subStatus, cancelRequestedAt, rolloutState: state, targetCount } = command
  if (state?.aborted) return 'aborted'
  if (isOver(status) || cancelRequestedAt !== null) return null
  if (subStatus === 'awaiting_approval' || !state) return subStatus
  if (state.paused) return 'paused'
  return state.released < targetCount ? 'rollout' : null
}

export function rolloutStanding(command: CommandRecord): RolloutStanding | undefined {
  const { rolloutState: state } = command
  if (!state) return undefined
  const { released, wakeAt, aborted } = state
  return {
    phase: phaseOf(command, state),
    released,
    next_at: toIsoOrNull(wakeAt),
    ...(aborted && { abort: aborted }),
  }
}

function phaseOf(command: CommandRecord, state: RolloutState): RolloutStanding['phase'] {
  if (state.aborted) return 'aborted'
  const isAllOut = state.released === command.targetCount
  if (command.cancelRequestedAt !== null || isOver(command.status)) return isAllOut ? 'done' : 'cancelled'
  if (command.subStatus === 'awaiting_approval') return 'waiting'
  if (state.paused) return 'paused'
  if (isAllOut) return 'done'
  return isCanary({ ...command, rollout: command.rollout! }) ? 'canary' : 'spreading'
}
