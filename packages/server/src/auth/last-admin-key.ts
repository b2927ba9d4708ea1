import type { ApiKey } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { KeyDeps } from './deps.ts'

/**
 * Refuses the change after which no admin key would be left that always works: one that never expires and that any
 * address may use. An expiry or a wrong address block on the last one would lock the operator out as a revocation does.
 * Errors: CONFLICT (`last_admin_key`).
 */
export async function keepAnAdminKey(deps: KeyDeps, tx: Tx, before: ApiKey, after: ApiKey): Promise<void> {
  const limit = limitOf(after)
  if (limit === undefined || limitOf(before) !== undefined) return
  if ((await deps.store.lastingAdminKeys(tx)) > 1) return
  throw fail('CONFLICT', {
    reason: 'last_admin_key',
    ...(limit !== 'revoked_at' && { field: limit }),
    issue:
      'this is the last admin key that never expires and that any address may use, and one must remain: create another first',
    key_id: before.key_id,
  })
}

/** The field that keeps a key from being an admin key that always works; undefined: it is one. */
function limitOf(key: ApiKey): string | undefined {
  if (!key.scopes.includes('admin')) return 'scopes'
  if (key.revoked_at !== null) return 'revoked_at'
  if (key.expires_at !== null) return 'expires_at'
  return key.allowed_cidrs.length > 0 ? 'allowed_cidrs' : undefined
}
