import type { CommandInput, CommandSubmitted } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Ctx } from '../core/context.ts'
import type { CommandDeps } from './deps.ts'
import type { Ended } from './ends.ts'
import { type CommandRecord, isOver } from './record.ts'
import { shownCommands } from './shown.ts'
import { receiptOf } from './submit.ts'

type WaitDeps = Pick<CommandDeps, 'ends' | 'store'>

const waitSecondsDefault = 30

/**
 * The answer to a synchronous call: waits for the command to end, for as long as the caller would, or until Nexus stops; if it
 * has not, says how it stands and what it waits for.
 */
export async function answerSubmit(
  deps: CommandDeps,
  ctx: Ctx,
  input: CommandInput,
  receipt: CommandSubmitted,
): Promise<CommandSubmitted> {
  if (input.async !== false) return receipt
  const [command] = await deps.store.find([receipt.command_id])
  if (!command) return receipt
  const seconds = input.wait_seconds ?? Math.min(command.timeoutMs / 1000, waitSecondsDefault)
  const signal = AbortSignal.any([ctx.signal, deps.stopping, AbortSignal.timeout(seconds * 1000)])
  const ended = await commandEnd(deps, command.commandId, signal)
  if (ended) return outcomeOf(ended)
  const [now = command] = await deps.store.find([command.commandId])
  return isOver(now.status) ? outcomeOf(await withOnly(deps, now)) : standingOf(deps, ctx, now)
}

async function standingOf(deps: CommandDeps, { principal }: Ctx, command: CommandRecord): Promise<CommandSubmitted> {
  const [shown] = await shownCommands(deps, principal, [command])
  const { sub_status, waiting_for, summary } = shown!
  return {
    ...receiptOf(command),
    ...(sub_status !== null && { sub_status }),
    ...(waiting_for && { waiting_for }),
    ...(command.targetCount > 1 && { summary }),
  }
}

/** Resolves once the command has ended; undefined: the signal was aborted before, or there is no such command. */
export async function commandEnd(deps: WaitDeps, commandId: string, signal: AbortSignal): Promise<Ended | undefined> {
  const over = Promise.withResolvers<Ended | undefined>()
  const leave = deps.ends.on(commandId, over.resolve)
  const abort = () => over.resolve(undefined)
  signal.addEventListener('abort', abort, { once: true })
  try {
    if (deps.ends.isLive(commandId)) return signal.aborted ? undefined : await over.promise
    const [command] = await deps.store.find([commandId])
    if (signal.aborted || !command) return undefined
    if (!isOver(command.status)) return await over.promise
    return await withOnly(deps, command)
  } finally {
    leave()
    signal.removeEventListener('abort', abort)
  }
}

async function withOnly({ store }: WaitDeps, command: CommandRecord): Promise<Ended> {
  return { command, only: (await store.onlyExecutions([command.commandId])).get(command.commandId) }
}

/** A command that has ended, as its submitter is told. */
export function outcomeOf({ command, only }: Ended): CommandSubmitted {
  const sub_status = command.subStatus ?? only?.subStatus ?? null
  return {
    ...receiptOf(command),
    ...(sub_status !== null && { sub_status }),
    ...(only?.result && { result: only.result }),
    ...(only?.error && { error: only.error }),
    ...(!only && { summary: { ...command.counts } }),
    completed_at: toIso(command.completedAt!),
  }
}
