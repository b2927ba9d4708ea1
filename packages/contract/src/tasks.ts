import Type, { type Static, type TObject } from 'typebox'
import { type MergePatch, mergePatchOf } from './merge-patch.ts'
import { operation } from './operation.ts'
import { Run, runCauses, runStatuses } from './runs.ts'
import { Cursor, closed, Id, nullable, PageLimit, Timestamp, Warning } from './shapes.ts'
import { TaskDefinition, TaskParameters, taskTypes } from './task-definition.ts'
import { taskLimits } from './task-limits.ts'

/** The specification's four ("List Tasks"), and `paused`. */
export const taskStatuses = ['scheduled', 'running', 'completed', 'failed', 'paused'] as const
export type TaskStatus = (typeof taskStatuses)[number]

const LastRun = Type.Object({
  run_id: Id,
  status: Type.Enum(runStatuses),
  cause: Type.Enum(runCauses),
  scheduled_for: nullable(Timestamp),
  started_at: nullable(Timestamp),
  completed_at: Timestamp,
})

/** A task as it stands. */
export const Task = Type.Object({
  task_id: Id,
  ...TaskDefinition.properties,
  status: Type.Enum(taskStatuses),
  status_reason: nullable(Type.String({ description: 'Why it is paused, or ended; stable, snake_case' })),
  created_at: Timestamp,
  updated_at: Timestamp,
  version: Type.Integer({ description: 'Counts the changes of its definition, from 1; the `ETag`' }),
  created_by: Type.String({ description: 'The id of the key that created it' }),
  runs_as: Type.String({ description: 'The id of the key whose rights its handler has: that of the last change' }),
  next_run: nullable({ ...Timestamp, description: 'Its next tick' }),
  last_run: nullable(LastRun),
  active_runs: Type.Integer({ description: 'How many have not ended' }),
  runs_made: Type.Integer({ description: 'How many were made, but for skipped and missed ones' }),
  warnings: Type.Optional(Type.Array(Warning)),
})
export type Task = Static<typeof Task>

export type TaskPatch = MergePatch<TaskDefinition>
const TaskPatch = mergePatchOf(TaskDefinition) as TObject

const ifMatch = {
  if_match: Type.Optional(
    Type.String({ maxLength: 64, description: 'The version that is meant; the header `If-Match`' }),
  ),
}
const taskId = { task_id: Id }
const onlyTask = Type.Object(taskId, closed)
const reading = { effect: 'read', scope: 'task:read', rate: 'task' } as const
const changing = { effect: 'write', scope: 'task:write', rate: 'task', errors: ['NOT_FOUND', 'CONFLICT'] } as const

export const tasksCreate = operation({
  effect: 'write',
  scope: 'task:write',
  rate: 'task',
  id: 'tasks.create',
  summary: 'Create a task',
  http: 'POST /v1/tasks',
  status: 201,
  location: '/v1/tasks/{task_id}',
  idempotent: true,
  bodyBytesMax: 256 * 1024,
  input: TaskDefinition,
  output: Task,
  errors: ['VALIDATION_ERROR', 'CONFLICT'],
})

export const tasksList = operation({
  ...reading,
  id: 'tasks.list',
  summary: 'List tasks, newest first',
  http: 'GET /v1/tasks',
  input: Type.Object(
    {
      status: Type.Optional(Type.Enum(taskStatuses)),
      type: Type.Optional(Type.Enum(taskTypes)),
      tags: Type.Optional(
        Type.String({
          minLength: 3,
          maxLength: 4096,
          description: 'All of which a task must have, such as `team:analytics,priority:high`',
        }),
      ),
      limit: Type.Optional(PageLimit),
      offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0 })),
      cursor: Type.Optional(Cursor),
    },
    closed,
  ),
  output: Type.Object({
    tasks: Type.Array(Task),
    total: Type.Integer(),
    limit: Type.Integer(),
    offset: Type.Integer(),
    next_cursor: nullable(Cursor),
  }),
})

export const tasksGet = operation({
  ...reading,
  id: 'tasks.get',
  summary: 'Get a task',
  http: 'GET /v1/tasks/{task_id}',
  etag: 'version',
  input: onlyTask,
  output: Task,
  errors: ['NOT_FOUND'],
})

export const tasksUpdate = operation({
  ...changing,
  id: 'tasks.update',
  summary: 'Change a task (JSON merge patch)',
  description:
    'What is left out stays as it is; what is null is removed. The type cannot be changed. Runs that have not ended go on as they began.',
  http: 'PATCH /v1/tasks/{task_id}',
  etag: 'version',
  bodyBytesMax: 256 * 1024,
  input: Type.Unsafe<TaskPatch & { task_id: string; if_match?: string }>(
    Type.Object(
      {
        ...taskId,
        ...TaskPatch.properties,
        ...ifMatch,
      },
      closed,
    ),
  ),
  output: Task,
  errors: ['NOT_FOUND', 'CONFLICT', 'VALIDATION_ERROR'],
})

export const tasksDelete = operation({
  ...changing,
  id: 'tasks.delete',
  summary: 'Delete a task; its runs can still be read',
  description: 'CONFLICT: it has a run that has not ended, or other tasks depend on it.',
  http: 'DELETE /v1/tasks/{task_id}',
  status: 204,
  input: Type.Object(
    {
      ...taskId,
      active: Type.Optional(
        Type.Enum(['cancel', 'drain'] as const, { description: 'What becomes of runs that have not ended' }),
      ),
      ...ifMatch,
      force: Type.Optional(Type.Boolean({ description: 'Although other tasks depend on it' })),
    },
    closed,
  ),
  output: Type.Null(),
})

export const tasksExecute = operation({
  ...changing,
  id: 'tasks.execute',
  summary: 'Run a task now, outside of its schedule',
  description: 'Beside other runs of it, whatever `overlap` says. Parameters are laid over those of the task.',
  http: 'POST /v1/tasks/{task_id}/execute',
  status: 202,
  location: '/v1/runs/{run_id}',
  idempotent: true,
  bodyBytesMax: 128 * 1024,
  input: Type.Object({ ...taskId, parameters: Type.Optional(TaskParameters) }, closed),
  output: Type.Object({ run_id: Id, task_id: Id, status: Type.Enum(runStatuses) }),
})

export const tasksPause = operation({
  ...changing,
  id: 'tasks.pause',
  summary: 'Pause a task: no tick, event or dependency makes it run',
  description:
    'Runs wait that no worker has, but for those that were asked for by hand; those that have begun go on. An event that came before has its run, which waits; of events that come meanwhile none does.',
  http: 'POST /v1/tasks/{task_id}/pause',
  input: onlyTask,
  output: Task,
})

export const tasksResume = operation({
  ...changing,
  id: 'tasks.resume',
  summary: 'Go on with a task that was paused; ticks of the pause are left out',
  http: 'POST /v1/tasks/{task_id}/resume',
  input: onlyTask,
  output: Task,
})

export const tasksCancel = operation({
  ...changing,
  id: 'tasks.cancel',
  summary: 'Cancel all runs of a task that have not ended',
  description:
    'Of very many some end at once, and the others one after another: `active_runs` counts those that are left.',
  http: 'POST /v1/tasks/{task_id}/cancel',
  input: onlyTask,
  output: Task,
})

export const tasksBackfill = operation({
  ...changing,
  id: 'tasks.backfill',
  summary: 'Make the runs of ticks that are past',
  description: 'Of the ticks from `start` until before `end`, those that have no run yet, oldest first.',
  http: 'POST /v1/tasks/{task_id}/backfill',
  status: 202,
  idempotent: true,
  input: Type.Object(
    {
      ...taskId,
      start: Timestamp,
      end: Timestamp,
      max: Type.Optional(Type.Integer({ minimum: 1, maximum: taskLimits.backfillMax, default: 100 })),
    },
    closed,
  ),
  output: Type.Object({
    runs: Type.Array(Type.Pick(Run, ['run_id', 'scheduled_for', 'status'])),
    existing: Type.Integer({ description: 'Ticks that have a run already' }),
    more: Type.Boolean({ description: 'There are more ticks than `max`' }),
  }),
  errors: ['NOT_FOUND', 'CONFLICT', 'VALIDATION_ERROR'],
})

export const tasksSchedule = operation({
  ...reading,
  id: 'tasks.schedule',
  summary: 'Preview the next ticks of a task',
  http: 'GET /v1/tasks/{task_id}/schedule',
  input: Type.Object(
    {
      ...taskId,
      count: Type.Optional(Type.Integer({ minimum: 1, maximum: taskLimits.scheduleCountMax, default: 10 })),
    },
    closed,
  ),
  output: Type.Object({
    task_id: Id,
    timezone: nullable(Type.String()),
    ticks: Type.Array(Timestamp),
  }),
  errors: ['NOT_FOUND', 'CONFLICT'],
})
