import type { Input, Task, TaskDefinition } from '@nexus/contract'
import type { Ctx, Tx, WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { newIdAt } from '../core/ids.ts'
import { advanceTask } from './advance.ts'
import { changedTask } from './changed-task.ts'
import { checkDefinition } from './definition.ts'
import { assertNoCycle } from './dependencies.ts'
import type { TaskDeps } from './deps.ts'
import { endsTaken } from './fire-dependent.ts'
import { nextTickOf } from './next-tick.ts'
import { assertPermitted } from './permission.ts'
import { publishTask } from './publish.ts'
import type { TaskRecord } from './record.ts'

/** Errors: VALIDATION_ERROR, FORBIDDEN (what its handler does needs a scope that the key lacks). */
export async function prepareTask(deps: TaskDeps, ctx: Ctx, definition: TaskDefinition): Promise<void> {
  checkDefinition(definition, ctx.now())
  await assertPermitted(deps, ctx, definition)
}

/** A task that is due at once has its run when this resolves. Errors: VALIDATION_ERROR, CONFLICT (`too_many_event_tasks`). */
export async function createTask(deps: TaskDeps, ctx: WriteCtx, definition: Input<'tasks.create'>): Promise<Task> {
  const { tx } = ctx
  const now = ctx.now()
  if (definition.type === 'event_driven') await assertListenersMax(deps, tx)
  const draft = newTask(ctx, definition)
  const { dependencies = [] } = definition
  await deps.store.lockUpstream(tx, dependencies)
  await assertNoCycle(draft.taskId, dependencies, (ids) => deps.store.dependenciesOf(ids, tx))
  const eventId = await publishTask(deps, { tx, traceId: ctx.traceId }, 'task.created', draft, null)
  const consumed = definition.type === 'dependent' ? await endsTaken(deps.store, tx, definition) : {}
  await deps.store.insert(tx, { ...draft, eventId, consumed })
  await advanceTask(deps, tx, draft.taskId, now)
  return changedTask(deps, tx, draft.taskId)
}

/** Each node has all of them in memory. */
async function assertListenersMax({ store, eventTasksMax: limit }: TaskDeps, tx: Tx): Promise<void> {
  const count = await store.countListening(tx)
  if (count < limit) return
  const issue = `there are ${count} event_driven tasks, at most ${limit}: delete one that is not needed any more`
  throw fail('CONFLICT', { reason: 'too_many_event_tasks', limit, issue })
}

function newTask(ctx: WriteCtx, definition: TaskDefinition): TaskRecord {
  const now = ctx.now()
  const { keyId } = ctx.principal
  return {
    taskId: newIdAt('task', now),
    createdBy: keyId,
    createdAt: now,
    traceId: ctx.traceId,
    eventId: '',
    definition,
    runsAs: keyId,
    updatedAt: now,
    version: 1,
    status: 'scheduled',
    statusReason: null,
    deaf: null,
    pausedAt: null,
    endedAt: null,
    deletedAt: null,
    nextTick: nextTickOf(definition, now, now),
    wakeAt: null,
    activeRuns: 0,
    runsMade: 0,
    ownRuns: 0,
    failuresInRow: 0,
    firedAt: null,
    lastRun: null,
    lastCompleted: null,
    lastEndedAt: null,
    endings: [],
    consumed: {},
  }
}
