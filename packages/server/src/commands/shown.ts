import type { Command, CommandSubStatus, DeviceStatus, Execution } from '@nexus/contract'
import { toIso, toIsoOrNull } from '../core/clock.ts'
import { holds, type Principal, type Tx } from '../core/context.ts'
import type { WorkItem } from '../work/index.ts'
import type { CommandDeps } from './deps.ts'
import type { CommandRecord, ExecutionRecord } from './record.ts'
import { rolloutStanding } from './rollout-standing.ts'

/** What is looked up of executions that wait, to tell why. */
interface Waiting {
  items: ReadonlyMap<string, WorkItem>
  standing: ReadonlyMap<string, DeviceStatus>
}

/** Commands as the contract shows them; without `tx`, as committed. */
export async function shownCommands(
  deps: CommandDeps,
  viewer: Principal,
  commands: readonly CommandRecord[],
  tx?: Tx,
): Promise<Command[]> {
  const single = commands.filter(({ targetCount }) => targetCount === 1)
  const only = await deps.store.onlyExecutions(
    single.map(({ commandId }) => commandId),
    tx,
  )
  const waiting = await lookUp(deps, [...only.values()], tx)
  return commands.map((command) => shownCommand(command, only.get(command.commandId), { waiting, viewer }))
}

export async function shownExecutions(
  deps: CommandDeps,
  command: CommandRecord,
  executions: readonly ExecutionRecord[],
): Promise<Execution[]> {
  const waiting = await lookUp(deps, executions)
  return executions.map((execution) => shownExecution(command, execution, waiting))
}

async function lookUp(
  { work, devices }: CommandDeps,
  executions: readonly ExecutionRecord[],
  tx?: Tx,
): Promise<Waiting> {
  const waiting = executions.filter(isWaiting)
  if (waiting.length === 0) return { items: new Map(), standing: new Map() }
  const items = await work.find(
    waiting.map(({ executionId }) => executionId),
    tx,
  )
  const standing = await devices.standing(
    waiting.map(({ deviceId }) => deviceId),
    tx,
  )
  return { items: new Map(items.map((item) => [item.id, item])), standing }
}

function isWaiting({ status, subStatus }: ExecutionRecord): boolean {
  return status === 'pending' && subStatus === null
}

function shownCommand(
  command: CommandRecord,
  only: ExecutionRecord | undefined,
  { waiting, viewer }: { waiting: Waiting; viewer: Principal },
): Command {
  // Addresses may carry secrets: they are the submitter's own.
  const isOwn = command.keyId === viewer.keyId || holds(viewer, 'admin')
  const { rollout, verify, callbackUrl, callbackEvents, warnings, approvedBy, retryOf } = command
  const one = only && shownExecution(command, only, waiting)
  const standing = rolloutStanding(command)
  return {
    command_id: command.commandId,
    status: command.status,
    sub_status: command.subStatus ?? one?.sub_status ?? null,
    status_reason: command.statusReason,
    waiting_for: waitingForOf(command) ?? one?.waiting_for ?? null,
    command: command.name,
    category: command.category,
    target: command.target,
    target_count: command.targetCount,
    summary: { ...command.counts },
    parameters: command.parameters,
    priority: command.priority,
    timeout_seconds: command.timeoutMs / 1000,
    delivery: command.delivery,
    ...(rollout && { rollout }),
    ...(standing && { rollout_state: standing }),
    ...(verify && { verify }),
    ...(callbackUrl !== null && isOwn && { callback_url: callbackUrl, callback_events: callbackEvents! }),
    ...(one && outcome(one)),
    ...(warnings.length > 0 && { warnings: [...warnings] }),
    ...(approvedBy !== null && { approved_by: approvedBy }),
    ...(retryOf !== null && { retry_of: retryOf }),
    submitted_by: command.keyId,
    submitted_at: toIso(command.submittedAt),
    estimated_completion: toIso(command.submittedAt + command.timeoutMs),
    started_at: toIsoOrNull(command.startedAt),
    completed_at: toIsoOrNull(command.completedAt),
    trace_id: command.traceId,
  }
}

function waitingForOf({ subStatus }: CommandRecord): Command['waiting_for'] {
  if (subStatus === 'awaiting_approval') return { reason: 'approval' }
  return subStatus === 'paused' ? { reason: 'paused' } : null
}

function outcome({ progress, result, error, late }: Execution) {
  return { ...(progress && { progress }), ...(result && { result }), ...(error && { error }), ...(late && { late }) }
}

function shownExecution(command: CommandRecord, execution: ExecutionRecord, waiting: Waiting): Execution {
  return {
    execution_id: execution.executionId,
    command_id: execution.commandId,
    device_id: execution.deviceId,
    status: execution.status,
    ...whyWaiting(command, execution, waiting),
    status_reason: execution.statusReason,
    attempt: execution.attempt,
    progress: execution.progress,
    result: execution.result,
    error: execution.error,
    late: execution.late,
    submitted_at: toIso(command.submittedAt),
    sent_at: toIsoOrNull(execution.sentAt),
    delivered_at: toIsoOrNull(execution.deliveredAt),
    started_at: toIsoOrNull(execution.startedAt),
    completed_at: toIsoOrNull(execution.completedAt),
  }
}

function whyWaiting(
  { subStatus }: CommandRecord,
  execution: ExecutionRecord,
  { items, standing }: Waiting,
): { sub_status: CommandSubStatus | null; waiting_for: Execution['waiting_for'] } {
  if (!isWaiting(execution)) return { sub_status: execution.subStatus, waiting_for: null }
  const item = items.get(execution.executionId)
  if (item?.waitingFor?.reason === 'rollout' && subStatus === 'paused')
    return { sub_status: 'paused', waiting_for: { reason: 'paused' } }
  if (item?.waitingFor) return { sub_status: subStatusOf(item.waitingFor.reason), waiting_for: item.waitingFor }
  const status = standing.get(execution.deviceId)
  if (status === undefined) return { sub_status: 'offline', waiting_for: { reason: 'device_never_seen' } }
  if (status === 'offline') return { sub_status: 'offline', waiting_for: { reason: 'device_offline' } }
  return { sub_status: 'queued', waiting_for: { reason: item?.blocked ? 'behind_another' : 'device_busy' } }
}

function subStatusOf(reason: string): CommandSubStatus {
  return reason === 'approval' ? 'awaiting_approval' : 'rollout'
}
