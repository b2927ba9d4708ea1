import type { EventType, RunStatus } from '@nexus/contract'
import type { Insertable, Selectable, Updateable } from 'kysely'
import type { FanOutRecord, HeldFor, RunLogRecord, RunRecord, TaskRecord, TriggerRecord } from '../../tasks/index.ts'
import { sealedValues } from './sealed-values.ts'
import type { Sealer } from './sealer.ts'
import type { TaskFanOutsTable, TaskRunLogTable, TaskRunsTable, TasksTable, TaskTriggersTable } from './task-tables.ts'

export const heldCodes: Readonly<Record<HeldFor, number>> = { paused: 1, dependency: 2, concurrency: 3, guard: 4 }
const heldReasons = new Map(Object.entries(heldCodes).map(([reason, code]) => [code, reason as HeldFor]))

export type TaskRows = ReturnType<typeof taskRows>

/** Records of tasks and their runs as rows, and back. What clients and workers said is sealed. */
export function taskRows(sealer: Sealer) {
  const { seal, open } = sealedValues(sealer)

  const changesOfTask = (task: TaskRecord) =>
    ({
      status: task.status,
      status_reason: task.statusReason,
      paused_at: task.pausedAt,
      ended_at: task.endedAt,
      deleted_at: task.deletedAt,
      next_tick: task.nextTick,
      wake_at: task.wakeAt,
      active_runs: task.activeRuns,
      runs_made: task.runsMade,
      own_runs: task.ownRuns,
      failures_in_row: task.failuresInRow,
      fired_at: task.firedAt,
      last_run_json: task.lastRun && JSON.stringify(task.lastRun),
      last_completed_run: task.lastCompleted?.runId ?? null,
      last_completed_at: task.lastCompleted?.at ?? null,
      last_ended_at: task.lastEndedAt,
      consumed_json: JSON.stringify(task.consumed),
      endings_json: task.endings.length === 0 ? null : JSON.stringify(task.endings),
      deaf_from: task.deaf?.from ?? null,
      deaf_to: task.deaf?.to ?? null,
    }) satisfies Updateable<TasksTable>

  const definitionOf = (task: TaskRecord) =>
    ({
      definition: seal('tasks', 'definition', task.taskId, task.definition),
      runs_as: task.runsAs,
      updated_at: task.updatedAt,
      version: task.version,
    }) satisfies Updateable<TasksTable>

  const changesOfRun = (run: RunRecord) => {
    const sealed = (column: string, value: unknown) =>
      value === null ? null : seal('task_runs', column, run.runId, value)
    return {
      held: run.heldFor === null ? 0 : heldCodes[run.heldFor],
      status: run.status,
      status_reason: run.statusReason,
      parameters: sealed('parameters', run.parameters),
      attempt: run.attempt,
      lease_token: run.leaseToken,
      worker_id: run.workerId,
      checkpoint: sealed('checkpoint', run.checkpoint),
      progress: sealed('progress', run.progress),
      told_at: run.toldAt,
      result: sealed('result', run.result),
      error: sealed('error', run.error),
      log_lines: run.log.lines,
      log_bytes: run.log.bytes,
      log_dropped: run.log.dropped,
      stall_at: run.stallAt,
      started_at: run.startedAt,
      completed_at: run.completedAt,
      seq: run.seq,
      first_event_id: run.firstEventId,
      last_event_id: run.lastEventId,
    } satisfies Updateable<TaskRunsTable>
  }

  return {
    changesOfTask,
    definitionOf,
    changesOfRun,

    ofTask(task: TaskRecord): Insertable<TasksTable> {
      return {
        ...changesOfTask(task),
        ...definitionOf(task),
        task_id: task.taskId,
        created_by: task.createdBy,
        created_at: task.createdAt,
        trace_id: task.traceId,
        event_id: task.eventId,
        type: task.definition.type,
      }
    },

    toTask(row: Selectable<TasksTable>): TaskRecord {
      return {
        taskId: row.task_id,
        createdBy: row.created_by,
        createdAt: row.created_at,
        traceId: row.trace_id,
        eventId: row.event_id,
        definition: open('tasks', 'definition', row.task_id, row.definition),
        runsAs: row.runs_as,
        updatedAt: row.updated_at,
        version: row.version,
        status: row.status as TaskRecord['status'],
        statusReason: row.status_reason,
        pausedAt: row.paused_at,
        endedAt: row.ended_at,
        deletedAt: row.deleted_at,
        nextTick: row.next_tick,
        wakeAt: row.wake_at,
        activeRuns: row.active_runs,
        runsMade: row.runs_made,
        ownRuns: row.own_runs,
        failuresInRow: row.failures_in_row,
        firedAt: row.fired_at,
        lastRun: row.last_run_json === null ? null : JSON.parse(row.last_run_json),
        lastCompleted:
          row.last_completed_run === null ? null : { runId: row.last_completed_run, at: row.last_completed_at! },
        lastEndedAt: row.last_ended_at,
        consumed: JSON.parse(row.consumed_json),
        endings: row.endings_json === null ? [] : JSON.parse(row.endings_json),
        deaf: row.deaf_from === null ? null : { from: row.deaf_from, to: row.deaf_to! },
      }
    },

    ofRun(run: RunRecord): Insertable<TaskRunsTable> {
      return {
        ...changesOfRun(run),
        run_id: run.runId,
        task_id: run.taskId,
        key_id: run.keyId,
        cause: run.cause,
        scheduled_for: run.scheduledFor,
        plan: seal('task_runs', 'plan', run.runId, run.plan),
        retry_of: run.retryOf,
        dedupe_key: run.dedupeKey,
        created_at: run.createdAt,
        trace_id: run.traceId,
        cause_id: run.causeId,
        in_turn: run.plan.inTurn ? 1 : 0,
      }
    },

    toRun(row: Selectable<TaskRunsTable>): RunRecord {
      const opened = <T>(column: 'parameters' | 'checkpoint' | 'progress' | 'result' | 'error'): T | null => {
        const sealed = row[column]
        return sealed === null ? null : open<T>('task_runs', column, row.run_id, sealed)
      }
      return {
        runId: row.run_id,
        taskId: row.task_id,
        keyId: row.key_id,
        cause: row.cause as RunRecord['cause'],
        scheduledFor: row.scheduled_for,
        plan: open('task_runs', 'plan', row.run_id, row.plan),
        retryOf: row.retry_of,
        dedupeKey: row.dedupe_key,
        createdAt: row.created_at,
        traceId: row.trace_id,
        causeId: row.cause_id,
        heldFor: heldReasons.get(row.held) ?? null,
        status: row.status as RunStatus,
        statusReason: row.status_reason,
        parameters: opened('parameters'),
        attempt: row.attempt,
        leaseToken: row.lease_token,
        workerId: row.worker_id,
        checkpoint: opened('checkpoint'),
        progress: opened('progress'),
        toldAt: row.told_at,
        result: opened('result'),
        error: opened('error'),
        log: { lines: row.log_lines, bytes: row.log_bytes, dropped: row.log_dropped },
        stallAt: row.stall_at,
        startedAt: row.started_at,
        completedAt: row.completed_at,
        seq: row.seq,
        firstEventId: row.first_event_id,
        lastEventId: row.last_event_id,
      }
    },

    ofLine(
      { runId: run_id, log }: RunRecord,
      { message, ...line }: Omit<RunLogRecord, 'seq'>,
      i: number,
    ): Insertable<TaskRunLogTable> {
      const position = log.lines + i
      return { ...line, run_id, position, message: seal('task_run_log', 'message', `${run_id}|${position}`, message) }
    },

    toLine({ run_id, position, ...row }: Selectable<TaskRunLogTable>): RunLogRecord {
      const message = open<string>('task_run_log', 'message', `${run_id}|${position}`, row.message)
      return { ...row, level: row.level as RunLogRecord['level'], message }
    },

    ofTrigger(trigger: Omit<TriggerRecord, 'triggerId'>): Insertable<TaskTriggersTable> {
      const { taskId: task_id, eventId: event_id, type, data, dedupeKey: dedupe_key, at, traceId: trace_id } = trigger
      const sealed = seal('task_triggers', 'data', `${task_id}|${event_id}`, data)
      return { task_id, event_id, type, data: sealed, dedupe_key, at, trace_id }
    },

    ofFanOut(fanOut: Omit<FanOutRecord, 'fanOutId' | 'afterTask'>): Insertable<TaskFanOutsTable> {
      const { eventId: event_id, type, data, at, traceId: trace_id } = fanOut
      return { event_id, type, data: seal('task_fan_outs', 'data', event_id, data), at, trace_id, after_task: null }
    },

    toFanOut(row: Selectable<TaskFanOutsTable>): FanOutRecord {
      return {
        fanOutId: row.fan_out_id,
        eventId: row.event_id,
        type: row.type as EventType,
        data: open('task_fan_outs', 'data', row.event_id, row.data),
        at: row.at,
        traceId: row.trace_id,
        afterTask: row.after_task,
      }
    },

    toTrigger(row: Selectable<TaskTriggersTable>): TriggerRecord {
      return {
        triggerId: row.trigger_id,
        taskId: row.task_id,
        eventId: row.event_id,
        type: row.type,
        data: open('task_triggers', 'data', `${row.task_id}|${row.event_id}`, row.data),
        dedupeKey: row.dedupe_key,
        at: row.at,
        traceId: row.trace_id,
      }
    },
  }
}
