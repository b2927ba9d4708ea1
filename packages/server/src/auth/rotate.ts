import type { ApiKeyCreated, Input } from '@nexus/contract'
import type { Ctx, WriteCtx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { isUsable } from './authenticate.ts'
import type { KeyDeps } from './deps.ts'
import { foundKey, lockedKey } from './get.ts'
import { parseGrace } from './grace.ts'
import { renewedKey } from './key-format.ts'
import type { KeyRecord, SecretMark } from './ports.ts'
import { markOf } from './secret-mark.ts'

export interface Renewal {
  key: string
  mark: SecretMark
  graceMs: number
}

/** Errors: NOT_FOUND, CONFLICT (`key_revoked`, `key_expired`), VALIDATION_ERROR (a grace over 30 days). */
export async function prepareRotation(deps: KeyDeps, ctx: Ctx, input: Input<'auth.keys.rotate'>): Promise<Renewal> {
  const graceMs = parseGrace(input.grace ?? '24h')
  rotatable(await foundKey(deps, input.key_id), ctx.now())
  const key = renewedKey(input.key_id)
  return { key, mark: await markOf(deps.pepper, deps.hasher, key), graceMs }
}

/** Gives the key its new secret. The one before keeps working for the grace; one from an earlier rotation ends now. */
export async function rotateKey(
  deps: KeyDeps,
  ctx: WriteCtx,
  input: Input<'auth.keys.rotate'>,
  { key, mark, graceMs }: Renewal,
): Promise<ApiKeyCreated> {
  const now = ctx.now()
  const record = await lockedKey(deps, ctx.tx, input.key_id)
  rotatable(record, now)
  const previous = graceMs === 0 ? null : { ...record.current, until: now + graceMs }
  await deps.store.replace(ctx.tx, { ...record, current: mark, previous })
  deps.store.afterCommit(ctx.tx, () => deps.forget(input.key_id))
  return { ...record.shown, key }
}

function rotatable({ shown }: KeyRecord, now: number): void {
  if (isUsable(shown, now)) return
  throw fail('CONFLICT', {
    reason: shown.revoked_at === null ? 'key_expired' : 'key_revoked',
    key_id: shown.key_id,
  })
}
