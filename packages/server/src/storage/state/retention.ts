import type { RetentionStore } from '../../telemetry/ports.ts'
import type { StateEngine } from './engine.ts'
import { afterCommit, within } from './transaction.ts'

const onlyRow = 1

/** The retention policies, kept as the one list that they are replaced as; none until some are put. */
export function createRetentionStore(engine: StateEngine): RetentionStore {
  return {
    afterCommit,

    async get() {
      const row = await engine.reads.selectFrom('retention').select('policies_json').executeTakeFirst()
      return { policies: row ? JSON.parse(row.policies_json) : [] }
    },

    async put(tx, { policies }) {
      const policies_json = JSON.stringify(policies)
      await within(tx)
        .insertInto('retention')
        .values({ id: onlyRow, policies_json })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ policies_json }))
        .execute()
    },
  }
}
