import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isUsable } from './authenticate.ts'
import { type MintedKey, mintKey } from './create.ts'
import type { KeyDeps } from './deps.ts'
import { keyIdOf, newKey } from './key-format.ts'
import type { KeyRecord } from './ports.ts'

export interface AdminKeyOptions {
  /** The operator's own key (`NEXUS_ADMIN_KEY`). */
  given?: string | undefined
  /** Where a key that is added is written down, readable by the owner only. */
  file: string
}

/**
 * `created`: a key was made; show it once. `added`: the operator's key was added. `present`: nothing was to do.
 * `given_key_refused`: the operator's key was revoked, rotated or expired since, and stays so; others still work.
 */
export type AdminKey =
  | { outcome: 'created'; key: string }
  | { outcome: 'added' | 'present' | 'given_key_refused'; key: null }

/**
 * Sees to it that an admin key exists that never expires and that any address may use. Throws if the operator's key is not
 * well-formed.
 */
export async function ensureAdminKey(deps: KeyDeps, { given, file }: AdminKeyOptions): Promise<AdminKey> {
  const adminKeys = await deps.store.lastingAdminKeys()
  if (given === undefined) return adminKeys > 0 ? { outcome: 'present', key: null } : generate(deps, file)

  const keyId = keyIdOf(given)
  if (keyId === undefined) {
    throw new Error(
      'NEXUS_ADMIN_KEY is not a Nexus key (nxs_live_..., 71 characters, with a valid checksum): ' +
        '`nexus keys generate` makes one.',
    )
  }
  const record = await deps.store.find(keyId)
  if (!record) return addGiven(deps, given, file)
  if (adminKeys === 0) return generate(deps, file)
  return { outcome: (await works(deps, record, given)) ? 'present' : 'given_key_refused', key: null }
}

async function generate(deps: KeyDeps, file: string): Promise<AdminKey> {
  const minted = await mintAdminKey(deps, newKey())
  // First the file: a crash after the insert would leave a key that nobody knows.
  writeKeyFile(file, minted.key)
  const inserted = await deps.store.write(async (tx) => {
    await deps.store.lock(tx)
    if ((await deps.store.lastingAdminKeys(tx)) > 0) return false
    await deps.store.insert(tx, minted.record)
    return true
  })
  if (inserted) return { outcome: 'created', key: minted.key }
  rmSync(file)
  return { outcome: 'present', key: null }
}

async function addGiven(deps: KeyDeps, given: string, file: string): Promise<AdminKey> {
  const minted = await mintAdminKey(deps, given)
  writeKeyFile(file, given)
  const inserted = await deps.store.write(async (tx) => {
    await deps.store.lock(tx)
    if (await deps.store.find(minted.record.shown.key_id, tx)) return false
    await deps.store.insert(tx, minted.record)
    return true
  })
  return { outcome: inserted ? 'added' : 'present', key: null }
}

function mintAdminKey(deps: KeyDeps, key: string): Promise<MintedKey> {
  return mintKey(deps, key, { name: 'admin', scopes: ['admin'] }, deps.clock.now())
}

async function works(deps: KeyDeps, { shown, current, previous }: KeyRecord, key: string): Promise<boolean> {
  const now = deps.clock.now()
  if (!isUsable(shown, now)) return false
  if (await deps.hasher.matches(key, current.hash)) return true
  return previous !== null && previous.until > now && deps.hasher.matches(key, previous.hash)
}

function writeKeyFile(file: string, key: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const fresh = `${file}.new`
  rmSync(fresh, { force: true })
  writeFileSync(fresh, `${key}\n`, { mode: 0o600, flag: 'wx', flush: true })
  renameSync(fresh, file)
}
