import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { bytewise, serial } from './column-types.ts'

export const tasks: Migration = {
  async up(db) {
    await createTasks(db)
    await createRuns(db)
    await createQueues(db)
  },
}

async function createTasks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tasks')
    .addColumn('task_id', bytewise(db), (column) => column.primaryKey())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('definition', 'text', (column) => column.notNull())
    .addColumn('runs_as', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('status_reason', 'text')
    .addColumn('paused_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addColumn('deleted_at', 'bigint')
    .addColumn('next_tick', 'bigint')
    .addColumn('wake_at', 'bigint')
    .addColumn('active_runs', 'integer', (column) => column.notNull())
    .addColumn('runs_made', 'bigint', (column) => column.notNull())
    .addColumn('failures_in_row', 'integer', (column) => column.notNull())
    .addColumn('fired_at', 'bigint')
    .addColumn('last_run_json', 'text')
    .addColumn('last_completed_run', 'text')
    .addColumn('last_completed_at', 'bigint')
    .addColumn('last_ended_at', 'bigint')
    .addColumn('consumed_json', 'text', (column) => column.notNull())
    .execute()
  await sql`create index tasks_created on tasks (created_at, task_id) where deleted_at is null`.execute(db)
  await sql`create index tasks_wake on tasks (wake_at) where wake_at is not null`.execute(db)
  await sql`create index tasks_triggered on tasks (task_id) where type = 'event_driven' and deleted_at is null`.execute(
    db,
  )
  await db.schema
    .createTable('task_tags')
    .addColumn('task_id', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('task_tags_key', ['task_id', 'key'])
    .execute()
  await db.schema.createIndex('task_tags_values').on('task_tags').columns(['key', 'value', 'task_id']).execute()
  await db.schema
    .createTable('task_dependencies')
    .addColumn('task_id', 'text', (column) => column.notNull())
    .addColumn('depends_on', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('task_dependencies_key', ['depends_on', 'task_id'])
    .execute()
  await db.schema.createIndex('task_dependencies_of').on('task_dependencies').column('task_id').execute()
}

async function createRuns(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('task_runs')
    .addColumn('run_id', bytewise(db), (column) => column.primaryKey())
    .addColumn('task_id', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('cause', 'text', (column) => column.notNull())
    .addColumn('scheduled_for', 'bigint')
    .addColumn('plan', 'text', (column) => column.notNull())
    .addColumn('missed_ticks', 'integer')
    .addColumn('retry_of', 'text')
    .addColumn('dedupe_key', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addColumn('cause_id', 'text')
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('status_reason', 'text')
    .addColumn('parameters', 'text')
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('lease_token', 'text')
    .addColumn('worker_id', 'text')
    .addColumn('checkpoint', 'text')
    .addColumn('progress', 'text')
    .addColumn('told_at', 'bigint')
    .addColumn('result', 'text')
    .addColumn('error', 'text')
    .addColumn('log_lines', 'integer', (column) => column.notNull())
    .addColumn('log_bytes', 'integer', (column) => column.notNull())
    .addColumn('log_dropped', 'integer', (column) => column.notNull())
    .addColumn('stall_at', 'bigint')
    .addColumn('started_at', 'bigint')
    .addColumn('completed_at', 'bigint')
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('first_event_id', 'text')
    .addColumn('last_event_id', 'text')
    .execute()
  await sql`create unique index task_runs_ticks on task_runs (task_id, scheduled_for)
    where scheduled_for is not null and retry_of is null and status not in ('skipped', 'missed')`.execute(db)
  await sql`create index task_runs_created on task_runs (task_id, created_at, run_id)`.execute(db)
  await sql`create index task_runs_active on task_runs (task_id, created_at, run_id) where completed_at is null`.execute(
    db,
  )
  await sql`create index task_runs_running on task_runs (task_id) where status = 'running'`.execute(db)
  await sql`create index task_runs_stalling on task_runs (stall_at) where stall_at is not null`.execute(db)
  await sql`create index task_runs_ended on task_runs (completed_at) where completed_at is not null`.execute(db)
  await db.schema
    .createTable('task_run_log')
    .addColumn('seq', serial(db), (column) => column.primaryKey())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('level', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('task_run_log_runs').on('task_run_log').columns(['run_id', 'seq']).execute()
}

async function createQueues(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('task_triggers')
    .addColumn('trigger_id', serial(db), (column) => column.primaryKey())
    .addColumn('task_id', 'text', (column) => column.notNull())
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('dedupe_key', 'text')
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('task_triggers_task').on('task_triggers').columns(['task_id', 'trigger_id']).execute()
  await db.schema
    .createTable('task_signals')
    .addColumn('signal_id', serial(db), (column) => column.primaryKey())
    .addColumn('task_id', 'text', (column) => column.notNull())
    .execute()
}
