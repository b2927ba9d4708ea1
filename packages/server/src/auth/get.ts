import type { ApiKey, Input } from '@nexus/contract'
import type { Ctx, Tx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { KeyDeps } from './deps.ts'
import type { KeyRecord } from './ports.ts'

export async function getKey(deps: KeyDeps, _ctx: Ctx, input: Input<'auth.keys.get'>): Promise<ApiKey> {
  return (await foundKey(deps, input.key_id)).shown
}

/** Errors: NOT_FOUND. */
export async function foundKey(deps: KeyDeps, keyId: string, tx?: Tx): Promise<KeyRecord> {
  const record = await deps.store.find(keyId, tx)
  if (!record) throw fail('NOT_FOUND', { reason: 'no_such_key', key_id: keyId })
  return record
}

/** A key that is about to change: nobody else changes one until the transaction ends. Errors: NOT_FOUND. */
export async function lockedKey(deps: KeyDeps, tx: Tx, keyId: string): Promise<KeyRecord> {
  await deps.store.lock(tx)
  return foundKey(deps, keyId, tx)
}
