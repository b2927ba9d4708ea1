import type { ApiKey } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { isUsable } from './authenticate.ts'
import type { KeyDeps } from './deps.ts'

/** Refuses the change that would leave nobody with a usable admin key. Errors: CONFLICT (`last_admin_key`). */
export async function keepAnAdminKey(deps: KeyDeps, tx: Tx, before: ApiKey, after: ApiKey, now: number): Promise<void> {
  if (!isUsableAdmin(before, now) || isUsableAdmin(after, now)) return
  if ((await deps.store.usableAdminKeys(now, tx)) > 1) return
  throw fail('CONFLICT', {
    reason: 'last_admin_key',
    issue: 'this is the last usable admin key: create another one first',
    key_id: before.key_id,
  })
}

function isUsableAdmin(key: ApiKey, now: number): boolean {
  return key.scopes.includes('admin') && isUsable(key, now)
}
