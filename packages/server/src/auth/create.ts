import type { ApiKey, ApiKeyCreated, Input } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Ctx, WriteCtx } from '../core/context.ts'
import type { KeyDeps } from './deps.ts'
import { keyIdOf, newKey, prefixOf } from './key-format.ts'
import type { KeyRecord } from './ports.ts'
import { markOf } from './secret-mark.ts'
import { checkedSettings } from './settings.ts'

/** A key that isn't kept yet: the hash is made before the transaction opens, since it takes long. */
export interface MintedKey {
  key: string
  record: KeyRecord
}

/** Errors: VALIDATION_ERROR (an expiry in the past, a bad address block, bound to a device and an agent both). */
export async function prepareKey(deps: KeyDeps, ctx: Ctx, input: Input<'auth.keys.create'>): Promise<MintedKey> {
  const now = ctx.now()
  return mintKey(deps, newKey(), { ...input, ...checkedSettings(input, now) }, now)
}

export async function createKey(deps: KeyDeps, ctx: WriteCtx, minted: MintedKey): Promise<ApiKeyCreated> {
  await deps.store.insert(ctx.tx, minted.record)
  return { ...minted.record.shown, key: minted.key }
}

/** The record of a well-formed key. */
export async function mintKey(
  deps: KeyDeps,
  key: string,
  settings: Input<'auth.keys.create'>,
  now: number,
): Promise<MintedKey> {
  const shown: ApiKey = {
    key_id: keyIdOf(key)!,
    prefix: prefixOf(key),
    name: settings.name,
    scopes: settings.scopes,
    expires_at: settings.expires_at ?? null,
    device_id: settings.device_id ?? null,
    agent_id: settings.agent_id ?? null,
    allowed_cidrs: settings.allowed_cidrs ?? [],
    rate_limits: settings.rate_limits ?? {},
    created_at: toIso(now),
    last_used_at: null,
    revoked_at: null,
  }
  return { key, record: { shown, current: await markOf(deps.pepper, deps.hasher, key), previous: null } }
}
