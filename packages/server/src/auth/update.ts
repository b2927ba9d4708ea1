import type { ApiKey, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { KeyDeps } from './deps.ts'
import { lockedKey } from './get.ts'
import { keepAnAdminKey } from './last-admin-key.ts'
import { checkedSettings } from './settings.ts'

/**
 * Merges a patch (RFC 7396) into a key; it holds from the next request on.
 * Errors: NOT_FOUND, VALIDATION_ERROR, CONFLICT (`key_revoked`, `last_admin_key`).
 */
export async function updateKey(deps: KeyDeps, ctx: WriteCtx, input: Input<'auth.keys.update'>): Promise<ApiKey> {
  const { key_id, rate_limits: patched, ...patch } = input
  const settings = checkedSettings(patch, ctx.now())
  const record = await lockedKey(deps, ctx.tx, key_id)
  if (record.shown.revoked_at !== null) throw fail('CONFLICT', { reason: 'key_revoked', key_id })

  const limits = Object.entries({ ...record.shown.rate_limits, ...patched }).filter(([, limit]) => limit !== null)
  const shown: ApiKey = { ...record.shown, ...settings, rate_limits: Object.fromEntries(limits) }
  await keepAnAdminKey(deps, ctx.tx, record.shown, shown)
  await deps.store.replace(ctx.tx, { ...record, shown })
  deps.store.afterCommit(ctx.tx, () => deps.forget(key_id))
  return shown
}
