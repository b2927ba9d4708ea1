import { createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import type { StateEngine } from './engine.ts'
import { loadMasterKey, type MasterKey } from './master-key.ts'
import { type Place, seal, unseal } from './seal.ts'
import { within } from './transaction.ts'

/** Keeps values unreadable at rest. */
export interface Sealer {
  seal(place: Place, text: string): string
  unseal(place: Place, sealed: string): string
  /** A 32-byte secret for one purpose; the same at each start. */
  derive(purpose: string): Buffer
}

const dataKeyId = 'k1'
const place: Place = { table: 'data_keys', column: 'wrapped', row: dataKeyId }

/**
 * Opens the data key, which the master key in `file` wraps; at the first start both are made. Refuses, in clear words, a
 * master key that is missing or that is another than the one the state was sealed with.
 */
export async function openSealer(engine: StateEngine, options: { file: string; now: number }): Promise<Sealer> {
  const wrapped = await wrappedKey(engine)
  const master = loadMasterKey(options.file, { create: wrapped === undefined })
  const bytes = unwrap(wrapped ?? (await makeDataKey(engine, master, options.now)), master, options.file)
  const key = { id: dataKeyId, bytes: createSecretKey(bytes) }
  return {
    seal: (at, text) => seal(key, at, text),
    unseal: (at, sealed) => unseal(key, at, sealed),
    derive: (purpose) => Buffer.from(hkdfSync('sha256', bytes, '', `nexus ${purpose}`, 32)),
  }
}

async function wrappedKey(engine: StateEngine): Promise<string | undefined> {
  const row = await engine.reads
    .selectFrom('data_keys')
    .select('wrapped')
    .where('id', '=', dataKeyId)
    .executeTakeFirst()
  return row?.wrapped
}

/** Of two nodes that start at once, the first one's data key stays. */
async function makeDataKey(engine: StateEngine, master: MasterKey, now: number): Promise<string> {
  const wrapped = seal(master, place, randomBytes(32).toString('base64'))
  return engine.write(async (tx) => {
    await within(tx)
      .insertInto('data_keys')
      .values({ id: dataKeyId, wrapped, created_at: now })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const kept = await within(tx)
      .selectFrom('data_keys')
      .select('wrapped')
      .where('id', '=', dataKeyId)
      .executeTakeFirstOrThrow()
    return kept.wrapped
  })
}

function unwrap(wrapped: string, master: MasterKey, file: string): Buffer {
  try {
    return Buffer.from(unseal(master, place, wrapped), 'base64')
  } catch (error) {
    throw new Error(`The master key ${file} is not the one that the state was sealed with: restore the right file.`, {
      cause: error,
    })
  }
}
