import type { Kysely } from 'kysely'
import type { RolloutStore } from '../../commands/index.ts'
import type { Tx } from '../../core/context.ts'
import type { CommandRows } from './command-rows.ts'
import type { StateEngine } from './engine.ts'
import type { StateTables } from './tables.ts'

export function rolloutStore(
  engine: StateEngine,
  db: (tx: Tx | undefined) => Kysely<StateTables>,
  rows: CommandRows,
): RolloutStore {
  const liveRollouts = (tx?: Tx) =>
    db(tx).selectFrom('commands').where('rollout_state_json', 'is not', null).where('completed_at', 'is', null)
  const watched = (limit: number, tx?: Tx) =>
    liveRollouts(tx)
      .where('cancel_requested_at', 'is', null)
      .where('rollout_json', 'like', '%"metric":%')
      .where('rollout_state_json', 'like', '%"aborted":null%')
      .limit(limit)
  const verifying = (tx?: Tx) =>
    db(tx).selectFrom('executions').where('verify_by', 'is not', null).where('executions.completed_at', 'is', null)
  return {
    async dueRollouts(now, limit) {
      const found = await liveRollouts()
        .select('command_id')
        .where('rollout_wake_at', '<=', now)
        .orderBy('rollout_wake_at')
        .limit(limit)
        .execute()
      return found.map((row) => row.command_id)
    },

    async nextRollout() {
      const row = await liveRollouts()
        .select((select) => select.fn.min<number | null>('rollout_wake_at').as('at'))
        .executeTakeFirst()
      return row?.at ?? undefined
    },

    async countWatched(tx, limit) {
      await engine.exclusive(tx, 'watched_rollouts')
      return (await watched(limit, tx).select('command_id').execute()).length
    },

    async watchedRollouts(limit) {
      const found = await watched(limit).select(['command_id', 'rollout_json']).orderBy('submitted_at').execute()
      return found.map((row) => ({ commandId: row.command_id, rollout: JSON.parse(row.rollout_json!) }))
    },

    async given(commandId, limit) {
      const found = await db(undefined)
        .selectFrom('executions')
        .select(['execution_id', 'device_id'])
        .where('command_id', '=', commandId)
        .where('sent_at', 'is not', null)
        .orderBy('position')
        .limit(limit)
        .execute()
      return found.map((row) => ({ executionId: row.execution_id, commandId, deviceId: row.device_id }))
    },

    async verifying(dueBy, limit) {
      let query = verifying()
        .innerJoin('commands', 'commands.command_id', 'executions.command_id')
        .select(['execution_id', 'executions.command_id', 'device_id', 'verify_by', 'verify_json'])
      if (dueBy !== undefined) query = query.where('verify_by', '<=', dueBy)
      const found = await query.orderBy('verify_by').limit(limit).execute()
      return found.map((row) => ({
        executionId: row.execution_id,
        commandId: row.command_id,
        deviceId: row.device_id,
        verifyBy: row.verify_by!,
        verify: JSON.parse(row.verify_json!),
      }))
    },

    async nextVerifyBy() {
      const row = await verifying()
        .select((select) => select.fn.min<number | null>('verify_by').as('at'))
        .executeTakeFirst()
      return row?.at ?? undefined
    },

    async verifyingOf(tx, commandId) {
      const found = await verifying(tx).selectAll().where('command_id', '=', commandId).orderBy('position').execute()
      return found.map(rows.toExecution)
    },
  }
}
