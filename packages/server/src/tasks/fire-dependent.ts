import type { TaskDefinition } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { newTraceId } from '../core/ids.ts'
import { dependencyPolicyOf } from './definition.ts'
import { judgeDependencies, type Upstream } from './dependencies.ts'
import type { TaskDeps } from './deps.ts'
import { type Moment, upstreamOf } from './gates.ts'
import { makeRun, noteEnded } from './make-run.ts'
import type { TaskRecord } from './record.ts'

/**
 * A run once each dependency has an end that no run has taken yet; those from before it was depended upon count as taken. Ends
 * of one task are told apart by their own order: the clock of another node says nothing about it.
 */
export async function fireDependent(deps: TaskDeps, tx: Tx, task: TaskRecord, moment: Moment): Promise<void> {
  const { dependencies = [] } = task.definition
  const { condition, on_failure } = dependencyPolicyOf(task.definition)
  const upstream = await upstreamOf(deps.store, tx, dependencies)
  // Where nothing is noted the instant of its making says what came before.
  const since = (taskId: string) => task.consumed[taskId] ?? task.createdAt
  const { verdict } = judgeDependencies(upstream, { condition }, since)
  if (verdict === 'waiting' || (verdict === 'failed' && on_failure === 'wait')) return
  task.consumed = { ...task.consumed, ...endsOf(upstream, since) }
  const occasion = { cause: 'dependency' as const, ...(await chainOf(deps, tx, task, upstream)) }
  if (verdict === 'met') await makeRun(deps, tx, task, occasion, moment)
  else {
    const status = on_failure === 'fail' ? 'failed' : 'skipped'
    await noteEnded(deps, tx, task, occasion, { status, reason: 'dependency_failed' }, moment.now)
  }
}

/**
 * The ends of a task's dependencies that count as taken where it is made, or its dependencies change, from those `before` on;
 * nobody notes another meanwhile (`TaskStore.lockUpstream`).
 */
export async function endsTaken(
  store: TaskDeps['store'],
  tx: Tx,
  { dependencies = [] }: TaskDefinition,
  before: TaskRecord['consumed'] = {},
): Promise<TaskRecord['consumed']> {
  const upstream = await upstreamOf(store, tx, dependencies)
  return Object.fromEntries(upstream.map(({ taskId, ends }) => [taskId, before[taskId] ?? ends?.endedAt ?? 0]))
}

/** The ends that are taken, whatever they were. */
function endsOf(upstream: readonly Upstream[], since: (taskId: string) => number): Record<string, number> {
  return Object.fromEntries(
    upstream.flatMap(({ taskId, ends }) =>
      ends?.endedAt != null && ends.endedAt > since(taskId) ? [[taskId, ends.endedAt]] : [],
    ),
  )
}

/** It belongs to the chain of the dependency that ended last. */
async function chainOf({ store }: TaskDeps, tx: Tx, task: TaskRecord, upstream: readonly Upstream[]) {
  const last = upstream.toSorted((a, b) => (b.ends?.endedAt ?? 0) - (a.ends?.endedAt ?? 0))[0]
  const [of] = last ? await store.find([last.taskId], tx) : []
  const runId = of?.lastRun?.runId
  const [run] = runId === undefined ? [] : await store.findRuns([runId], tx)
  return { traceId: run?.traceId ?? newTraceId(), causeId: run?.lastEventId ?? task.eventId }
}
