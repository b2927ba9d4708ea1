import { type CommandInput, type CommandSubmitted, commandLimits } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { newIdAt } from '../core/ids.ts'
import type { NewWork } from '../work/index.ts'
import type { CommandDeps } from './deps.ts'
import { needsApproval, orderingKeyOf, retryOf } from './policy.ts'
import type { Plan } from './prepare-submit.ts'
import { dataOf, publishCommand } from './publish.ts'
import { type CommandRecord, type ExecutionRecord, noCounts } from './record.ts'
import { withRollout } from './rollout-standing.ts'

/** How long a device may be silent while it has an execution. */
const leaseMs = 30_000

/**
 * Submits a command. Delivery to a device is at least once, or with one attempt at most once; devices tell repetitions by
 * `execution_id`. The targets are those of this moment, whatever joins or leaves later. Errors: CONFLICT
 * (`too_many_watched_rollouts`: as many are under way as a metric may abort).
 */
export async function submitCommand(
  deps: CommandDeps,
  ctx: WriteCtx,
  input: CommandInput,
  plan: Plan,
  retryOf: string | null = null,
): Promise<CommandSubmitted> {
  const now = ctx.now()
  if (input.rollout?.abort?.metric !== undefined) await assertWatchable(deps, ctx)
  const draft = withRollout(newCommand(ctx, input, plan, retryOf), now)
  const eventId = await publishCommand(
    deps,
    ctx.tx,
    draft,
    [{ type: 'command.submitted', data: dataOf(draft, undefined), causeId: ctx.causeId ?? null }],
    now,
  )
  const command = { ...draft, eventId }
  const executions = [...plan.targets.keys()].map((deviceId, position) => newExecution(command, deviceId, position))
  await deps.store.insert(ctx.tx, command, executions)
  // On another node it could end unheard.
  if (!deps.store.isShared) deps.store.afterCommit(ctx.tx, () => deps.ends.begin(command.commandId))
  await deps.work.enqueue(
    ctx.tx,
    executions.map((execution) => workOf(command, execution, plan)),
  )
  if (command.rolloutState) deps.store.afterCommit(ctx.tx, () => beginRollout(deps, command))
  return receiptOf(command)
}

async function assertWatchable({ store }: CommandDeps, { tx }: WriteCtx): Promise<void> {
  const limit = commandLimits.watchedRolloutsMax
  if ((await store.countWatched(tx, limit)) < limit) return
  const issue = `a metric may abort ${limit} roll-outs at a time, and so many are under way: wait until one ends, or leave it out`
  throw fail('CONFLICT', { reason: 'too_many_watched_rollouts', field: 'rollout.abort.metric', limit, issue })
}

function beginRollout({ rollouts }: CommandDeps, command: CommandRecord): void {
  rollouts.begin(command)
  const { wakeAt } = command.rolloutState!
  if (wakeAt !== null) rollouts.expect(wakeAt)
}

/** What the submitter of a command is told at once. */
export function receiptOf(command: CommandRecord): CommandSubmitted {
  const { subStatus, warnings, submittedAt, timeoutMs } = command
  return {
    command_id: command.commandId,
    status: command.status,
    submitted_at: toIso(submittedAt),
    estimated_completion: toIso(submittedAt + timeoutMs),
    target_count: command.targetCount,
    ...(subStatus && { sub_status: subStatus }),
    ...(subStatus === 'awaiting_approval' && { waiting_for: { reason: 'approval' } }),
    ...(warnings.length > 0 && { warnings: [...warnings] }),
  }
}

function newCommand(
  ctx: WriteCtx,
  input: CommandInput,
  { ruling, targets, resultSchema, warnings }: Plan,
  retryOf: string | null,
): CommandRecord {
  const { callback_url = null, callback_events = endEvents } = input
  return {
    commandId: newIdAt('cmd', ctx.now()),
    keyId: ctx.principal.keyId,
    name: input.command,
    category: ruling.category,
    target: input.target,
    targetCount: targets.size,
    parameters: ruling.parameters,
    priority: input.priority ?? 'normal',
    timeoutMs: ruling.timeoutSeconds * 1000,
    delivery: ruling.delivery,
    rollout: input.rollout ?? null,
    verify: input.verify ?? null,
    resultSchema,
    callbackUrl: callback_url,
    callbackEvents: callback_url === null ? null : callback_events,
    warnings,
    retryOf,
    traceId: ctx.traceId,
    eventId: '',
    submittedAt: ctx.now(),
    counts: { ...noCounts, pending: targets.size },
    status: 'pending',
    subStatus: needsApproval(ruling.approval, targets.size) ? 'awaiting_approval' : null,
    statusReason: null,
    seq: 0,
    lastEventId: '',
    startedAt: null,
    completedAt: null,
    approvedBy: null,
    cancelRequestedAt: null,
    rolloutState: null,
  }
}

const endEvents: NonNullable<CommandInput['callback_events']> = [
  'command.completed',
  'command.failed',
  'command.timeout',
  'command.cancelled',
]

function newExecution(command: CommandRecord, deviceId: string, position: number): ExecutionRecord {
  return {
    executionId: newIdAt('exe', command.submittedAt),
    commandId: command.commandId,
    deviceId,
    position,
    status: 'pending',
    subStatus: null,
    statusReason: null,
    attempt: 0,
    leaseToken: null,
    progress: null,
    result: null,
    error: null,
    late: false,
    log: { lines: 0, bytes: 0, dropped: 0 },
    sentAt: null,
    deliveredAt: null,
    startedAt: null,
    completedAt: null,
    verifyBy: null,
  }
}

function workOf(
  command: CommandRecord,
  { executionId, deviceId, position }: ExecutionRecord,
  { ruling }: Plan,
): NewWork {
  const waitingFor = waitingForOf(command, position)
  return {
    id: executionId,
    kind: 'command',
    queue: deviceId,
    priority: command.priority,
    fairKey: command.keyId,
    orderingKey: orderingKeyOf(ruling),
    retry: retryOf(ruling),
    leaseMs,
    attemptMs: command.timeoutMs,
    startBy: waitingFor?.reason === 'rollout' ? null : command.submittedAt + ruling.delivery.ttl_seconds * 1000,
    notBefore: null,
    waitingFor,
    traceId: command.traceId,
    causeId: command.eventId,
  }
}

function waitingForOf({ subStatus, rolloutState }: CommandRecord, position: number): NewWork['waitingFor'] {
  if (subStatus === 'awaiting_approval') return { reason: 'approval' }
  return rolloutState && position >= rolloutState.released ? { reason: 'rollout' } : null
}
