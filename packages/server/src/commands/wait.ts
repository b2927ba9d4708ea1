import type { CommandInput, CommandSubmitted } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Ctx } from '../core/context.ts'
import type { CommandDeps } from './deps.ts'
import { type CommandRecord, isOver } from './record.ts'
import { receiptOf } from './submit.ts'

const waitSecondsDefault = 30

/** The answer to a synchronous call: waits for the command to end, for as long as the caller would. */
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
  await commandEnd(deps, command, AbortSignal.any([ctx.signal, AbortSignal.timeout(seconds * 1000)]))
  return outcomeOf(deps, receipt.command_id, receipt)
}

/** Resolves when the command has ended, or the signal is aborted. */
export async function commandEnd(
  { ends, store }: Pick<CommandDeps, 'ends' | 'store'>,
  { commandId }: Pick<CommandRecord, 'commandId'>,
  signal: AbortSignal,
): Promise<void> {
  const over = Promise.withResolvers<void>()
  const leave = ends.on(commandId, over.resolve)
  const abort = () => over.resolve()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const [command] = await store.find([commandId])
    if (signal.aborted || !command || isOver(command.status)) return
    await over.promise
  } finally {
    leave()
    signal.removeEventListener('abort', abort)
  }
}

/** A command as who submitted it is told, with its outcome once it has ended. */
export async function outcomeOf(
  { store }: Pick<CommandDeps, 'store'>,
  commandId: string,
  receipt?: CommandSubmitted,
): Promise<CommandSubmitted> {
  const [command] = await store.find([commandId])
  if (!command) return receipt!
  const told = receiptOf(command)
  if (!isOver(command.status)) return told
  const only = (await store.onlyExecutions([commandId])).get(commandId)
  return {
    ...told,
    ...(only?.result && { result: only.result }),
    ...(only?.error && { error: only.error }),
    ...(!only && { summary: { ...command.counts } }),
    completed_at: toIso(command.completedAt!),
  }
}
