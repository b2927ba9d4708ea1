import type { Input } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { WriteCtx } from '../core/context.ts'
import type { KeyDeps } from './deps.ts'
import { lockedKey } from './get.ts'
import { keepAnAdminKey } from './last-admin-key.ts'

/**
 * Ends a key, and the old secret of a rotation with it, before it answers; a second time changes nothing.
 * Errors: NOT_FOUND, CONFLICT (`last_admin_key`).
 */
export async function revokeKey(deps: KeyDeps, ctx: WriteCtx, input: Input<'auth.keys.revoke'>): Promise<null> {
  const record = await lockedKey(deps, ctx.tx, input.key_id)
  if (record.shown.revoked_at !== null) return null

  const shown = { ...record.shown, revoked_at: toIso(ctx.now()) }
  await keepAnAdminKey(deps, ctx.tx, record.shown, shown)
  await deps.store.replace(ctx.tx, { ...record, shown, previous: null })
  deps.store.afterCommit(ctx.tx, () => deps.forget(input.key_id))
  return null
}
