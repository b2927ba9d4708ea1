import type { RunError } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Tx } from '../core/context.ts'
import type { WaitingFor } from '../work/index.ts'
import { type DependencyVerdict, judgeDependencies, type Upstream } from './dependencies.ts'
import type { TaskDeps } from './deps.ts'
import { endError } from './end-error.ts'
import { answerFor, type GuardAnswer } from './guards.ts'
import { byHand, type RunPlace, type RunRecord, type TaskRecord } from './record.ts'
import {
  dependenciesNamed,
  type Lookup,
  resolveTemplates,
  type TemplateName,
  type TemplateRoot,
  TooLarge,
  Unresolved,
  valueAt,
} from './templates.ts'

/** What is known when a task is advanced. */
export interface Moment {
  now: number
  /** Undefined: nobody has asked. */
  guard?: GuardAnswer | undefined
  /** Of the runs that wait for dependencies those behind this one try their gate. */
  after?: RunPlace | null
  /** What tasks depend on, by their ids, where many runs try their gates. */
  upstream?: Map<string, Upstream[]>
}

/** `startBy`: until when it may wait. */
export type Passed =
  | { waitingFor: WaitingFor | null; startBy: number | null; parameters: RunRecord['parameters'] }
  | { end: 'skipped' | 'failed'; reason: string; error: RunError | null }

/**
 * What a queued run waits for, gate after gate: a pause, what it depends on, those before it, its guard. Behind the last one
 * its templates are resolved.
 */
export async function passGates(
  deps: Pick<TaskDeps, 'store'>,
  tx: Tx,
  task: TaskRecord,
  run: RunRecord,
  { now, guard, isBusy, upstream }: Moment & { isBusy: boolean },
): Promise<Passed> {
  const { plan, cause } = run
  const waits = (waitingFor: WaitingFor, startBy: number | null = null) => ({ waitingFor, startBy, parameters: null })
  if (task.pausedAt !== null && !byHand.includes(cause)) return waits({ reason: 'paused' })
  const depends = await dependencyGate(deps, tx, run, upstream)
  if (depends?.verdict === 'failed' && plan.dependencyPolicy.on_failure !== 'wait')
    return endsAs(plan.dependencyPolicy.on_failure === 'fail' ? 'failed' : 'skipped', 'dependency_failed')
  if (depends) return waits(waitingForTasks(depends), waitsUntil(run))
  if (plan.inTurn && isBusy) return waits({ reason: 'concurrency' })
  const asked = plan.isGuarded ? task.definition.guard : undefined
  if (asked) {
    const answer = answerFor(task, guard)
    if (answer?.error) return { end: 'failed', reason: answer.error.code, error: answer.error }
    if (answer && !answer.holds && asked.else === 'skip') return endsAs('skipped', 'guard')
    if (!answer?.holds) return waits({ reason: 'guard', query: asked.query })
  }
  return resolved(deps, tx, run, now)
}

function endsAs(end: 'skipped' | 'failed', reason: string): Passed {
  return { end, reason, error: endError(end, reason) }
}

/** Undefined: all is there. */
async function dependencyGate(
  { store }: Pick<TaskDeps, 'store'>,
  tx: Tx,
  { plan }: RunRecord,
  known: Moment['upstream'],
): Promise<DependencyVerdict | undefined> {
  if (plan.dependencies.length === 0) return undefined
  const key = plan.dependencies.join(' ')
  const upstream = known?.get(key) ?? (await upstreamOf(store, tx, plan.dependencies))
  known?.set(key, upstream)
  const judged = judgeDependencies(upstream, plan.dependencyPolicy, () => plan.dependenciesSince)
  return judged.verdict === 'met' ? undefined : judged
}

export async function upstreamOf(
  store: TaskDeps['store'],
  tx: Tx,
  dependencies: readonly string[],
): Promise<Upstream[]> {
  const found = new Map((await store.find(dependencies, tx)).map((task) => [task.taskId, task]))
  return dependencies.map((taskId) => {
    const task = found.get(taskId)
    const ends = task && { completedAt: task.lastCompleted?.at ?? null, endedAt: task.lastEndedAt }
    return { taskId, ends }
  })
}

function waitingForTasks({ open, unknown }: DependencyVerdict): WaitingFor {
  return { reason: 'dependency', tasks: open, ...(unknown.length > 0 && { unknown }) }
}

function waitsUntil({ createdAt, plan }: RunRecord): number | null {
  const seconds = plan.dependencyPolicy.timeout_seconds
  return seconds === undefined ? null : createdAt + seconds * 1000
}

async function resolved({ store }: Pick<TaskDeps, 'store'>, tx: Tx, run: RunRecord, now: number): Promise<Passed> {
  const { plan } = run
  try {
    const results = await resultsOf(store, tx, dependenciesNamed(plan.parameters))
    const parameters = resolveTemplates(plan.parameters, lookupFor(run, results, now)) as Record<string, unknown>
    return { waitingFor: null, startBy: null, parameters }
  } catch (cause) {
    if (cause instanceof TooLarge) return endsAs('failed', 'parameters_too_large')
    if (!(cause instanceof Unresolved)) throw cause
    const error = { code: 'template_unresolved', message: `parameters: \${${cause.path}} is not there` }
    return { end: 'failed', reason: 'template_unresolved', error }
  }
}

async function resultsOf(
  store: TaskDeps['store'],
  tx: Tx,
  taskIds: readonly string[],
): Promise<Map<string, RunRecord>> {
  if (taskIds.length === 0) return new Map()
  const tasks = await store.find(taskIds, tx)
  const last = tasks.flatMap(({ taskId, lastCompleted }) =>
    lastCompleted ? [{ taskId, runId: lastCompleted.runId }] : [],
  )
  const runs = await store.findRuns(
    last.map(({ runId }) => runId),
    tx,
  )
  const byId = new Map(runs.map((run) => [run.runId, run]))
  return new Map(last.flatMap(({ taskId, runId }) => (byId.has(runId) ? [[taskId, byId.get(runId)!]] : [])))
}

function lookupFor(run: RunRecord, results: ReadonlyMap<string, RunRecord>, now: number): Lookup {
  const { plan } = run
  const ofRun: Record<TemplateName<'run'>, unknown> = {
    id: run.runId,
    cause: run.cause,
    scheduled_for: toIso(run.scheduledFor ?? now),
    created_at: toIso(run.createdAt),
  }
  const ofTask: Record<TemplateName<'task'>, unknown> = { id: run.taskId, name: plan.name }
  const ofEvent: Record<TemplateName<'event'>, unknown> | undefined = plan.event ?? undefined
  const scopes: Record<Exclude<TemplateRoot, 'deps'>, unknown> & Record<string, unknown> = {
    run: ofRun,
    task: ofTask,
    parameters: plan.parameters,
    event: ofEvent,
  }
  return ([root = '', ...path]) => {
    if (root !== 'deps') return valueAt(scopes[root], path)
    const [taskId = '', ...rest] = path
    const upstream = results.get(taskId)
    return upstream && valueAt({ run_id: upstream.runId, result: upstream.result }, rest)
  }
}
