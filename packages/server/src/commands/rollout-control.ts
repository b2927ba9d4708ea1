import type { Command, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { advanceRollout, saveRollout } from './advance-rollout.ts'
import { shownAfter } from './cancel.ts'
import { type CommandDeps, changeableCommand, commandEnded } from './deps.ts'
import { type CommandRecord, isOver, type RolloutState } from './record.ts'

type Conflict = 'not_a_rollout' | 'already_paused' | 'not_paused' | 'rollout_aborted' | 'cancel_requested'

const issues: Record<Conflict, string> = {
  not_a_rollout: 'the command is no roll-out',
  already_paused: 'the roll-out is paused already',
  not_paused: 'the roll-out is not paused',
  rollout_aborted: 'the roll-out was aborted, and what is under way ends',
  cancel_requested: 'the command is being cancelled',
}

/** No further device is given the command until it is resumed. Errors: NOT_FOUND, CONFLICT. */
export async function pauseRollout(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.pause'>,
): Promise<Command> {
  const { command, state } = await controllable(deps, ctx, command_id)
  if (state.paused) throw conflict('already_paused')
  await saveRollout(deps, ctx.tx, command, { ...state, paused: true, wakeAt: null })
  return shownAfter(deps, ctx, command_id)
}

/** Goes on where it stood, at once if its rate allows. Errors: NOT_FOUND, CONFLICT. */
export async function resumeRollout(
  deps: CommandDeps,
  ctx: WriteCtx,
  { command_id }: Input<'commands.resume'>,
): Promise<Command> {
  const { command, state } = await controllable(deps, ctx, command_id)
  if (!state.paused) throw conflict('not_paused')
  const resumed = await saveRollout(deps, ctx.tx, command, { ...state, paused: false })
  await advanceRollout(deps, ctx.tx, resumed, ctx.now())
  return shownAfter(deps, ctx, command_id)
}

/** Nobody else changes it until the transaction ends. */
async function controllable(
  deps: CommandDeps,
  ctx: WriteCtx,
  commandId: string,
): Promise<{ command: CommandRecord; state: RolloutState }> {
  await changeableCommand(deps, ctx, commandId)
  const command = await deps.store.lock(ctx.tx, commandId)
  const { rolloutState: state } = command
  if (isOver(command.status)) throw commandEnded(command)
  if (!state) throw conflict('not_a_rollout')
  if (state.aborted) throw conflict('rollout_aborted')
  if (command.cancelRequestedAt !== null) throw conflict('cancel_requested')
  return { command, state }
}

function conflict(reason: Conflict) {
  return fail('CONFLICT', { reason, issue: issues[reason] })
}
