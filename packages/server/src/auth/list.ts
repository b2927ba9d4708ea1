import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import type { KeyDeps } from './deps.ts'

const limitDefault = 50

/** Newest first; revoked keys stay visible. */
export async function listKeys(
  deps: KeyDeps,
  _ctx: Ctx,
  { cursor, limit = limitDefault }: Input<'auth.keys.list'>,
): Promise<Output<'auth.keys.list'>> {
  const found = await deps.store.newest(limit + 1, cursor === undefined ? undefined : position(cursor))
  const { rows, next } = page(found, limit, (key) => [Date.parse(key.created_at), key.key_id])
  return { keys: rows, next_cursor: next }
}

function position(cursor: string): { createdAt: number; keyId: string } {
  const [createdAt, keyId] = decodeCursor(cursor, ['number', 'string']) as [number, string]
  return { createdAt, keyId }
}
