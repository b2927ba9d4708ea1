import {
  type DependencyPolicy,
  type RunRetryPolicy,
  type TaskDefinition,
  type TaskHandler,
  taskLimits,
} from '@nexus/contract'
import { checkNumbers } from '../core/check-numbers.ts'
import { durationMs } from '../core/duration.ts'
import { invalid } from '../core/failure.ts'
import { compileFilter } from '../core/filter.ts'
import { uselessParameter } from '../telemetry/index.ts'
import type { RetryPolicy } from '../work/index.ts'
import { parseGuard } from './guard.ts'
import { type CompiledSchedule, parseSchedule } from './schedule.ts'
import { checkTemplates, hasTemplate, rootsWithoutEvent } from './templates.ts'

/** What no frame of telemetry can be: those are not kept, so that one could be lost. */
const transientTypes: readonly string[] = ['telemetry.frame']

/**
 * Checks what a schema cannot say. Errors: VALIDATION_ERROR, naming the field.
 */
export function checkDefinition(definition: TaskDefinition, anchor: number): void {
  const { type, schedule, trigger, dependencies = [], dependency_policy, guard, parameters = {}, handler } = definition
  if (schedule) parseSchedule(schedule, anchor)
  checkKind(definition)
  if (trigger) checkTrigger(trigger)
  if (guard) parseGuard(guard)
  const twice = dependencies.find((id, i) => dependencies.indexOf(id) < i)
  if (twice !== undefined) throw wrong('dependencies', `names ${twice} twice`)
  if (dependency_policy && dependencies.length === 0)
    throw wrong('dependency_policy', 'has no meaning without dependencies')
  if (dependency_policy?.timeout_seconds !== undefined && type === 'dependent')
    throw wrong('dependency_policy.timeout_seconds', 'has no meaning for a dependent task: no run waits')
  checkDelays(definition.retry_policy ?? {})
  const bytes = Buffer.byteLength(JSON.stringify(parameters))
  if (bytes > taskLimits.parametersBytesMax)
    throw wrong('parameters', `have ${bytes} bytes as JSON: at most ${taskLimits.parametersBytesMax}`)
  const roots = type === 'event_driven' ? undefined : rootsWithoutEvent
  checkNumbers('parameters', parameters)
  if (handler?.type === 'command') checkNumbers('handler.parameters', handler.parameters ?? {})
  checkTemplates(parameters, 'parameters', roots)
  if (handler?.type === 'command') checkTemplates(handler.parameters, 'handler.parameters', roots)
  if (handler) checkHandler(handler)
}

/** Stands in place of a header that is a secret. */
export const hiddenHeader = '[hidden]'

/** Which Node writes itself, or which would say where the request goes. */
const ownHeaders = [
  'host',
  'content-length',
  'content-type',
  'transfer-encoding',
  'connection',
  'upgrade',
  'te',
  'trailer',
]
const lastMsMax = 3650 * 86_400_000

function checkHandler(handler: TaskHandler): void {
  const own =
    handler.type === 'http' &&
    Object.keys(handler.headers ?? {}).find((name) => ownHeaders.includes(name.toLowerCase()))
  if (own) throw wrong(`handler.headers.${own}`, 'is set by Nexus')
  if (handler.type === 'http' && Object.values(handler.headers ?? {}).includes(hiddenHeader))
    throw wrong(
      'handler.headers',
      `has ${hiddenHeader}, which is what a secret is shown as: leave it out, or give it anew`,
    )
  if (handler.type !== 'telemetry_query') return
  if (durationMs(handler.query.last) > lastMsMax) throw wrong('handler.query.last', 'must be at most 3650d')
  const useless = uselessParameter(handler.query)
  if (useless) throw wrong(`handler.query.${useless.field}`, useless.issue)
}

function checkKind({ type, schedule, trigger, dependencies = [], misfire, overlap, max_runs }: TaskDefinition): void {
  const isRecurring = schedule?.cron !== undefined || schedule?.every !== undefined
  if (type === 'scheduled' && !isRecurring)
    throw wrong('schedule', 'a scheduled task needs schedule.cron or schedule.every')
  if (type === 'one_time' && schedule && schedule.run_at === undefined)
    throw wrong('schedule', 'a one_time task runs once: expected schedule.run_at, or no schedule to run it at once')
  if ((type === 'event_driven' || type === 'dependent') && schedule) throw wrong('schedule', `a ${type} task has none`)
  if (type === 'event_driven' && !trigger) throw wrong('trigger', 'an event_driven task needs one')
  if (type !== 'event_driven' && trigger)
    throw wrong('trigger', `a ${type} task has none: it is for event_driven tasks`)
  if (type === 'dependent' && dependencies.length === 0)
    throw wrong('dependencies', 'a dependent task needs at least one')
  if (misfire && type !== 'scheduled') throw wrong('misfire', 'is for scheduled tasks')
  if (type === 'one_time' && (overlap !== undefined || max_runs !== undefined))
    throw wrong(overlap === undefined ? 'max_runs' : 'overlap', 'has no meaning for a task that runs once')
}

function checkTrigger({ event_types, filters, dedupe_key }: NonNullable<TaskDefinition['trigger']>): void {
  const transient = event_types.find((type) => transientTypes.includes(type))
  if (transient !== undefined)
    throw wrong(
      'trigger.event_types',
      `${transient} triggers nothing, for frames are not kept as events; let an alert do it`,
    )
  if (filters) compileFilter(filters, 'trigger.filters')
  if (dedupe_key === undefined) return
  checkTemplates(dedupe_key, 'trigger.dedupe_key', ['event'])
  if (!hasTemplate(dedupe_key))
    throw wrong(
      'trigger.dedupe_key',
      'names nothing of the event, so all events would have the same key: expected a template, as in \u0024{event.data.device_id}',
    )
}

function checkDelays({ initial_delay_seconds, max_delay_seconds }: RunRetryPolicy): void {
  if (max_delay_seconds !== undefined && max_delay_seconds < (initial_delay_seconds ?? 0))
    throw wrong('retry_policy.max_delay_seconds', 'must be at least initial_delay_seconds')
}

/** The schedule of a task that has one. */
export function scheduleOf({ schedule }: TaskDefinition, anchor: number): CompiledSchedule | undefined {
  return schedule && parseSchedule(schedule, anchor)
}

/** What runs are given, as it was written; those of the task are laid over those of its handler. */
export function parametersOf({ handler, parameters }: TaskDefinition): Record<string, unknown> {
  return { ...(handler?.type === 'command' && handler.parameters), ...parameters }
}

export function handlerOf({ handler = { type: 'worker' } }: TaskDefinition): TaskHandler {
  return handler
}

export function overlapOf({ type, overlap }: TaskDefinition): NonNullable<TaskDefinition['overlap']> {
  return overlap ?? overlapDefaults[type]
}

/** A tick can be left out; an event, or what others have done, would be lost. */
const overlapDefaults = {
  scheduled: 'skip',
  one_time: 'allow',
  event_driven: 'allow',
  dependent: 'queue_all',
} as const

export function dependencyPolicyOf({
  dependency_policy = {},
}: TaskDefinition): Required<Omit<DependencyPolicy, 'timeout_seconds'>> {
  const { condition = 'all_success', on_failure = 'wait' } = dependency_policy
  return { condition, on_failure }
}

/** The specification's example, where nothing is said. */
const retryDefaults = { max_retries: 3, backoff_multiplier: 2, initial_delay_seconds: 60, max_delay_seconds: 3600 }

/** How often what can be taken over without doing it twice may lose its worker. */
const takenOverMax = 20

/**
 * As the work engine has it. One that is done at most once is taken over nevertheless where Nexus does it itself and can tell
 * what became of it.
 */
export function attemptsFor({ retry_policy, handler }: TaskDefinition): RetryPolicy {
  const policy = attemptsOf(retry_policy)
  const isSafe = handler?.type === 'command' || handler?.type === 'telemetry_query'
  return isSafe && policy.attemptsMax === 1 ? { ...policy, attemptsMax: takenOverMax, on: ['worker_lost'] } : policy
}

function attemptsOf(policy: RunRetryPolicy = {}): RetryPolicy {
  const {
    max_retries,
    backoff_multiplier,
    initial_delay_seconds,
    max_delay_seconds,
    jitter = 0,
  } = {
    ...retryDefaults,
    ...policy,
  }
  return {
    attemptsMax: 1 + max_retries,
    on: ['error', 'timeout', 'worker_lost'],
    initialDelayMs: initial_delay_seconds * 1000,
    multiplier: backoff_multiplier,
    maxDelayMs: Math.max(max_delay_seconds, initial_delay_seconds) * 1000,
    jitter,
  }
}

function wrong(field: string, issue: string) {
  return invalid(field, issue, 'VALIDATION_ERROR')
}
