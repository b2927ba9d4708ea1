import type { StateEngine } from './engine.ts'
import { migrations } from './migrations/index.ts'
import { openPostgres, type PostgresOptions } from './postgres.ts'
import { openSqlite } from './sqlite.ts'

export { createCommandStore } from './commands.ts'
export { createDeviceStore } from './devices.ts'
export type { StateEngine } from './engine.ts'
export { createEventStore } from './events.ts'
export { createIdempotencyStore } from './idempotency.ts'
export { createKeyStore } from './keys.ts'
export { createRetentionStore } from './retention.ts'
export { openSealer, type Sealer } from './sealer.ts'
export { createTaskStore } from './tasks.ts'
export { createTicketStore } from './tickets.ts'
export { afterCommit } from './transaction.ts'
export { createWebhookStore } from './webhooks.ts'
export { createWorkStore } from './work.ts'

export interface StateOptions extends PostgresOptions {
  /** `postgres://...`; wins over `file`. */
  url?: string
  /** The SQLite file. */
  file?: string
}

/** Opens the state engine and migrates it. Refuses a state that a newer version of Nexus wrote. */
export async function openState(options: StateOptions): Promise<StateEngine> {
  if (options.url !== undefined) return openPostgres(options.url, migrations, options)
  if (options.file !== undefined) return openSqlite(options.file, migrations)
  throw new Error('openState needs a url or a file')
}
