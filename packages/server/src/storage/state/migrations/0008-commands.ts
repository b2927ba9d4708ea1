import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { bytewise, serial } from './column-types.ts'

export const commands: Migration = {
  async up(db) {
    await createCommands(db)
    await createExecutions(db)
    await createLog(db)
    await createDefinitions(db)
  },
}

async function createCommands(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('commands')
    .addColumn('command_id', bytewise(db), (column) => column.primaryKey())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('category', 'text', (column) => column.notNull())
    .addColumn('target_json', 'text', (column) => column.notNull())
    .addColumn('target_count', 'integer', (column) => column.notNull())
    .addColumn('parameters', 'text', (column) => column.notNull())
    .addColumn('priority', 'text', (column) => column.notNull())
    .addColumn('timeout_ms', 'bigint', (column) => column.notNull())
    .addColumn('delivery_json', 'text', (column) => column.notNull())
    .addColumn('rollout_json', 'text')
    .addColumn('verify_json', 'text')
    .addColumn('result_schema_json', 'text')
    .addColumn('callback_url', 'text')
    .addColumn('callback_events_json', 'text')
    .addColumn('warnings_json', 'text', (column) => column.notNull())
    .addColumn('retry_of', 'text')
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('submitted_at', 'bigint', (column) => column.notNull())
    .addColumn('pending', 'integer', (column) => column.notNull())
    .addColumn('running', 'integer', (column) => column.notNull())
    .addColumn('completed', 'integer', (column) => column.notNull())
    .addColumn('failed', 'integer', (column) => column.notNull())
    .addColumn('timeout', 'integer', (column) => column.notNull())
    .addColumn('cancelled', 'integer', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('sub_status', 'text')
    .addColumn('status_reason', 'text')
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('last_event_id', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint')
    .addColumn('completed_at', 'bigint')
    .addColumn('approved_by', 'text')
    .addColumn('cancel_requested_at', 'bigint')
    .addColumn('rollout_state_json', 'text')
    .execute()
  await db.schema.createIndex('commands_newest').on('commands').columns(['submitted_at', 'command_id']).execute()
  await sql`create index commands_ended on commands (completed_at) where completed_at is not null`.execute(db)
  await sql`create index commands_retry on commands (retry_of) where retry_of is not null`.execute(db)
  // Of what is over there is many times as much.
  await sql`create index commands_live on commands (status, submitted_at)
    where status in ('pending', 'running')`.execute(db)
}

async function createExecutions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('executions')
    .addColumn('execution_id', 'text', (column) => column.primaryKey())
    .addColumn('command_id', bytewise(db), (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('sub_status', 'text')
    .addColumn('status_reason', 'text')
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('lease_token', 'text')
    .addColumn('progress', 'text')
    .addColumn('result', 'text')
    .addColumn('error', 'text')
    .addColumn('late', 'integer', (column) => column.notNull())
    .addColumn('log_lines', 'integer', (column) => column.notNull())
    .addColumn('log_bytes', 'integer', (column) => column.notNull())
    .addColumn('log_dropped', 'integer', (column) => column.notNull())
    .addColumn('sent_at', 'bigint')
    .addColumn('delivered_at', 'bigint')
    .addColumn('started_at', 'bigint')
    .addColumn('completed_at', 'bigint')
    .addColumn('verify_by', 'bigint')
    .execute()
  await db.schema
    .createIndex('executions_command')
    .unique()
    .on('executions')
    .columns(['command_id', 'position'])
    .execute()
  await db.schema.createIndex('executions_device').on('executions').columns(['device_id', 'command_id']).execute()
  await sql`create index executions_given on executions (device_id)
    where sent_at is not null and status in ('pending', 'running')`.execute(db)
}

async function createLog(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('execution_log')
    .addColumn('seq', serial(db), (column) => column.primaryKey())
    .addColumn('command_id', bytewise(db), (column) => column.notNull())
    .addColumn('execution_id', 'text', (column) => column.notNull())
    .addColumn('device_id', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('level', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('execution_log_command').on('execution_log').columns(['command_id', 'seq']).execute()
}

async function createDefinitions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('command_definitions')
    .addColumn('name', bytewise(db), (column) => column.primaryKey())
    .addColumn('category', 'text', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('parameters_schema_json', 'text')
    .addColumn('result_schema_json', 'text')
    .addColumn('defaults', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .execute()
}
