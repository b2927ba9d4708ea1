import type { Generated } from 'kysely'
import type { Fixed } from './fixed.ts'

/** `definition` is sealed JSON: parameters and addresses are in it. */
export interface TasksTable {
  task_id: Fixed<string>
  created_by: Fixed<string>
  created_at: Fixed<number>
  trace_id: Fixed<string>
  event_id: Fixed<string>
  type: Fixed<string>
  definition: string
  runs_as: string
  updated_at: number
  version: number
  status: string
  status_reason: string | null
  paused_at: number | null
  ended_at: number | null
  deleted_at: number | null
  next_tick: number | null
  wake_at: number | null
  active_runs: number
  runs_made: number
  own_runs: number
  failures_in_row: number
  fired_at: number | null
  last_run_json: string | null
  last_completed_run: string | null
  last_completed_at: number | null
  last_ended_at: number | null
  consumed_json: string
  endings_json: string | null
  deaf_from: number | null
  deaf_to: number | null
}

export interface TaskTagsTable {
  task_id: Fixed<string>
  key: Fixed<string>
  value: Fixed<string>
}

/** Also of tasks that are not there yet. */
export interface TaskDependenciesTable {
  task_id: Fixed<string>
  depends_on: Fixed<string>
}

/** `plan`, `parameters`, `checkpoint`, `progress`, `result` and `error` are sealed JSON. */
export interface TaskRunsTable {
  run_id: Fixed<string>
  task_id: Fixed<string>
  key_id: Fixed<string>
  cause: Fixed<string>
  scheduled_for: Fixed<number | null>
  plan: Fixed<string>
  retry_of: Fixed<string | null>
  dedupe_key: Fixed<string | null>
  created_at: Fixed<number>
  trace_id: Fixed<string>
  cause_id: Fixed<string | null>
  in_turn: Fixed<number>
  /** Which gate is shut: paused, dependency, concurrency, guard; 0: none is. */
  held: number
  status: string
  status_reason: string | null
  parameters: string | null
  attempt: number
  lease_token: string | null
  worker_id: string | null
  checkpoint: string | null
  progress: string | null
  told_at: number | null
  result: string | null
  error: string | null
  log_lines: number
  log_bytes: number
  log_dropped: number
  stall_at: number | null
  started_at: number | null
  completed_at: number | null
  seq: number
  first_event_id: string | null
  last_event_id: string | null
}

/** `message` is sealed. */
export interface TaskRunLogTable {
  seq: Generated<number>
  run_id: Fixed<string>
  position: Fixed<number>
  attempt: Fixed<number>
  at: Fixed<string>
  level: Fixed<string>
  message: Fixed<string>
}

/** Events that are about to make tasks run; `data` is sealed. */
export interface TaskTriggersTable {
  trigger_id: Generated<number>
  task_id: Fixed<string>
  event_id: Fixed<string>
  type: Fixed<string>
  data: Fixed<string>
  dedupe_key: Fixed<string | null>
  at: Fixed<number>
  trace_id: Fixed<string>
}

/** Events on their way to the tasks that they trigger; `data` is sealed. */
export interface TaskFanOutsTable {
  fan_out_id: Generated<number>
  event_id: Fixed<string>
  type: Fixed<string>
  data: Fixed<string>
  at: Fixed<number>
  trace_id: Fixed<string>
  after_task: string | null
}

/** Tasks to which something happened that others have to hear of. */
export interface TaskSignalsTable {
  signal_id: Generated<number>
  task_id: Fixed<string>
}
