import type { CommandStatus, EventData } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { inParts } from '../core/in-parts.ts'
import type { NewEvent } from '../events/index.ts'
import type { CommandDeps, CommandEventType } from './deps.ts'
import { type CommandRecord, type ExecutionChange, type ExecutionRecord, isOver } from './record.ts'
import { endEventOf } from './status.ts'

type CommandData = EventData<'command.completed'>

/** What an event tells of a command, but for its `seq`. */
export interface CommandNews {
  type: CommandEventType
  data: CommandData | EventData<'command.progress'>
  /** What led to it; unless told, that the command was submitted. */
  causeId?: string | null
}

const newsAtOnce = 500

export interface CommandChange {
  before: CommandRecord
  /** Its `seq` goes up with each event. */
  after: CommandRecord
  changes: readonly ExecutionChange[]
}

/**
 * Tells what became of a command: that it started, how its devices stand where it has several, and once how it ended;
 * again where a late result has changed that.
 */
export async function publishChanges(
  deps: CommandDeps,
  tx: Tx,
  { before, after, changes }: CommandChange,
  now: number,
): Promise<void> {
  const only = after.targetCount === 1 ? changes[0]!.after : undefined
  const news: CommandNews[] = []
  const tell = (type: CommandEventType, data: CommandNews['data']) => void news.push({ type, data })
  if (before.startedAt === null && after.startedAt !== null && !isOver(before.status))
    tell('command.started', {
      ...dataOf({ ...after, status: 'running', statusReason: null }, undefined),
      ...deviceOf(only),
    })
  if (!only) {
    for (const change of changes.filter(({ before, after }) => before.status !== after.status))
      tell('command.progress', progressDataOf(after, change.after))
  }
  const end = endEventOf(after.status)
  const isLate = changes.some(({ before, after }) => after.late && !before.late)
  const isNews = !isOver(before.status) || before.status !== after.status || (isLate && only !== undefined)
  const isSlow = end === 'command.timeout' && isNews
  // For clients that know the types of the specification alone.
  if (isSlow) tell('command.failed', dataOf(after, only))
  if (end && isNews) tell(end, { ...dataOf(after, only), ...(isLate && { late: true as const }) })
  for (const part of inParts(news, newsAtOnce)) await publishCommand(deps, tx, after, part, now)
}

/** Publishes events of a command, and calls back the submitter, if he asked for them. Returns the id of the last. */
export async function publishCommand(
  { store, events, callbacks, observe }: Pick<CommandDeps, 'store' | 'events' | 'callbacks' | 'observe'>,
  tx: Tx,
  command: CommandRecord,
  news: readonly CommandNews[],
  now: number,
): Promise<string> {
  const ctx = { tx, traceId: command.traceId }
  const told = news.map(({ type, data, causeId = command.eventId }) => {
    return { type, subject: command.commandId, data: { ...data, seq: ++command.seq }, causeId }
  })
  const ids = await events.publishAll(ctx, told as NewEvent[])
  command.lastEventId = ids.at(-1)!
  const { callbackUrl: url, callbackEvents: wanted, keyId } = command
  if (url !== null) {
    const messages = told.map(({ type, data: payload }, i) => ({
      keyId,
      url,
      eventId: ids[i]!,
      type,
      payload,
      at: now,
    }))
    const asked = messages.filter(({ type, payload }) => isWanted(wanted ?? [], type, payload.status))
    if (asked.length > 0) await callbacks.enqueue(ctx, asked)
  }
  store.afterCommit(tx, () => {
    for (const { type, data } of news)
      if (type !== 'command.failed' || data.status !== 'timeout')
        observe(type, command.category, now - command.submittedAt)
  })
  return command.lastEventId
}

/** Of a timeout, `command.failed` calls back only a submitter who does not want `command.timeout`. */
function isWanted(wanted: readonly string[], type: string, status: CommandStatus): boolean {
  const isTwin = type === 'command.failed' && status === 'timeout' && wanted.includes('command.timeout')
  return wanted.includes(type) && !isTwin
}

/** What an event says of a command; `only`: its execution, where it has one target. */
export function dataOf(command: CommandRecord, only: ExecutionRecord | undefined): CommandData {
  const { statusReason, rolloutState } = command
  const abort = isOver(command.status) && rolloutState?.aborted
  return {
    command_id: command.commandId,
    status: command.status,
    command: command.name,
    category: command.category,
    target: command.target,
    target_count: command.targetCount,
    seq: command.seq,
    ...(statusReason !== null && { status_reason: statusReason }),
    ...(only ? { ...deviceOf(only), ...outcomeOf(only) } : {}),
    ...(command.targetCount > 1 && { summary: { ...command.counts } }),
    ...(abort && { abort }),
  }
}

export function progressDataOf(command: CommandRecord, execution: ExecutionRecord): EventData<'command.progress'> {
  const { progress } = execution
  const { target: _, ...data } = dataOf(command, execution)
  return {
    ...data,
    status: execution.status,
    execution_id: execution.executionId,
    device_id: execution.deviceId,
    ...(progress && { progress }),
  }
}

function deviceOf(only: ExecutionRecord | undefined) {
  return only && { device_id: only.deviceId }
}

function outcomeOf({ result, error }: ExecutionRecord) {
  return { ...(result && { result }), ...(error && { error }) }
}
