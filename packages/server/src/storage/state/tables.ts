import type { Generated } from 'kysely'
import type { Fixed } from './fixed.ts'
import type {
  TaskDependenciesTable,
  TaskFanOutsTable,
  TaskRunLogTable,
  TaskRunsTable,
  TaskSignalsTable,
  TasksTable,
  TaskTagsTable,
  TaskTriggersTable,
} from './task-tables.ts'

/** Instants are milliseconds since the epoch; what ends in `_json` is JSON text. */
export interface StateTables {
  api_keys: ApiKeysTable
  data_keys: DataKeysTable
  events: EventsTable
  sequences: SequencesTable
  idempotency: IdempotencyTable
  tickets: TicketsTable
  work: WorkTable
  retention: RetentionTable
  devices: DevicesTable
  device_tags: DeviceTagsTable
  commands: CommandsTable
  executions: ExecutionsTable
  execution_log: ExecutionLogTable
  command_definitions: CommandDefinitionsTable
  tasks: TasksTable
  task_tags: TaskTagsTable
  task_dependencies: TaskDependenciesTable
  task_runs: TaskRunsTable
  task_run_log: TaskRunLogTable
  task_triggers: TaskTriggersTable
  task_signals: TaskSignalsTable
  task_fan_outs: TaskFanOutsTable
  webhook_secrets: WebhookSecretsTable
  webhook_deliveries: WebhookDeliveriesTable
}

export interface ApiKeysTable {
  key_id: Fixed<string>
  prefix: Fixed<string>
  hash: string
  tag: string
  previous_hash: string | null
  previous_tag: string | null
  previous_until: number | null
  name: string
  scopes_json: string
  device_id: Fixed<string | null>
  agent_id: Fixed<string | null>
  allowed_cidrs_json: string
  rate_limits_json: string
  created_at: Fixed<number>
  expires_at: number | null
  last_used_at: number | null
  revoked_at: number | null
}

export interface DataKeysTable {
  id: Fixed<string>
  /** Sealed by the master key. */
  wrapped: string
  created_at: Fixed<number>
}

export interface EventsTable {
  seq: Fixed<number>
  type: Fixed<string>
  at: Fixed<number>
  subject: Fixed<string | null>
  data_json: Fixed<string>
  trace_id: Fixed<string>
  cause_id: Fixed<string | null>
}

export interface SequencesTable {
  name: Fixed<string>
  value: number
}

export interface IdempotencyTable {
  key_id: Fixed<string>
  operation: Fixed<string>
  value: Fixed<string>
  body_hash: string
  /** Sealed JSON: an answer may carry a secret. */
  answer: string
  expires_at: number
}

export interface TicketsTable {
  /** Of the ticket, by SHA-256. */
  digest: Fixed<string>
  key_id: Fixed<string>
  secret_tag: Fixed<string>
  expires_at: Fixed<number>
}

export interface RetentionTable {
  id: Fixed<number>
  policies_json: string
}

export interface DevicesTable {
  device_id: Fixed<string>
  name: string | null
  status: string
  frame_tags_json: string
  /** Microseconds since the epoch. */
  tags_at: number
  own_tags_json: string
  metadata_json: string
  registered_at: number
  last_seen_at: number | null
  deleted_at: number | null
}

/** The effective tags, for who looks for devices by them; key and value in the form of `indexed`. */
export interface DeviceTagsTable {
  device_id: Fixed<string>
  key: Fixed<string>
  value: Fixed<string>
}

/** `parameters` and `callback_url` are sealed. */
export interface CommandsTable {
  command_id: Fixed<string>
  key_id: Fixed<string>
  name: Fixed<string>
  category: Fixed<string>
  target_json: Fixed<string>
  target_count: Fixed<number>
  parameters: Fixed<string>
  priority: Fixed<string>
  timeout_ms: Fixed<number>
  delivery_json: Fixed<string>
  rollout_json: Fixed<string | null>
  verify_json: Fixed<string | null>
  result_schema_json: Fixed<string | null>
  callback_url: Fixed<string | null>
  callback_events_json: Fixed<string | null>
  warnings_json: Fixed<string>
  retry_of: Fixed<string | null>
  trace_id: Fixed<string>
  event_id: Fixed<string>
  submitted_at: Fixed<number>
  pending: number
  running: number
  completed: number
  failed: number
  timeout: number
  cancelled: number
  status: string
  sub_status: string | null
  status_reason: string | null
  seq: number
  last_event_id: string
  started_at: number | null
  completed_at: number | null
  approved_by: string | null
  cancel_requested_at: number | null
  rollout_state_json: string | null
  /** Of the state, for the index. */
  rollout_wake_at: number | null
}

/** `progress`, `result` and `error` are sealed JSON. */
export interface ExecutionsTable {
  execution_id: Fixed<string>
  command_id: Fixed<string>
  device_id: Fixed<string>
  position: Fixed<number>
  status: string
  sub_status: string | null
  status_reason: string | null
  attempt: number
  lease_token: string | null
  progress: string | null
  result: string | null
  error: string | null
  late: number
  log_lines: number
  log_bytes: number
  log_dropped: number
  sent_at: number | null
  delivered_at: number | null
  started_at: number | null
  completed_at: number | null
  verify_by: number | null
}

/** `message` is sealed. */
export interface ExecutionLogTable {
  seq: Generated<number>
  command_id: Fixed<string>
  execution_id: Fixed<string>
  device_id: Fixed<string>
  position: Fixed<number>
  at: Fixed<string>
  level: Fixed<string>
  message: Fixed<string>
}

/** `defaults` is sealed JSON: parameters may be among them. */
export interface CommandDefinitionsTable {
  name: Fixed<string>
  category: string
  description: string | null
  parameters_schema_json: string | null
  result_schema_json: string | null
  defaults: string
  updated_at: number
}

/** Leased work; `ready` and `due_at` follow from the rest, for the indexes. */
export interface WorkTable {
  id: Fixed<string>
  kind: Fixed<string>
  queue: Fixed<string>
  priority: Fixed<number>
  fair_key: Fixed<string>
  ordering_key: Fixed<string | null>
  retry_json: Fixed<string>
  lease_ms: Fixed<number>
  attempt_ms: Fixed<number | null>
  start_by: number | null
  created_at: Fixed<number>
  trace_id: Fixed<string>
  cause_id: Fixed<string | null>
  seq: Fixed<number>
  version: number
  state: string
  ready: number
  turn: number
  attempt: number
  not_before: number | null
  waiting_for_json: string | null
  blocked: number
  worker: string | null
  lease_token: string | null
  lease_expires_at: number | null
  deadline: number | null
  started_at: number | null
  cancel_requested_at: number | null
  cancel_by: number | null
  ended_at: number | null
  status_reason: string | null
  due_at: number | null
}

export interface WebhookSecretsTable {
  key_id: Fixed<string>
  /** Sealed. */
  secret: string
  created_at: number
  /** Sealed. */
  previous_secret: string | null
  previous_until: number | null
}

/** The outbox. `due_at` is when the next attempt is due, or when the lease of the one under way ends. */
export interface WebhookDeliveriesTable {
  delivery_id: Fixed<string>
  key_id: Fixed<string>
  event_id: Fixed<string>
  type: Fixed<string>
  /** Sealed: an address may hold a token. */
  url: Fixed<string>
  host: Fixed<string>
  /** Equal for equal keys and addresses. */
  target: Fixed<string>
  /** Sealed; null where it was too large to be kept. */
  body: Fixed<string | null>
  trace_id: Fixed<string>
  attempts_max: Fixed<number>
  created_at: Fixed<number>
  status: string
  attempts: number
  due_at: number | null
  lease_token: string | null
  last_attempt_at: number | null
  ended_at: number | null
  status_code: number | null
  error: string | null
  /** Sealed. */
  response: string | null
}
