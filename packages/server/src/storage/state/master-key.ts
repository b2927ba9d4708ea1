import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface MasterKey {
  /** Names the key in what it sealed, without telling anything about it. */
  id: string
  bytes: Buffer
}

const lengthBytes = 32

/** Reads the master key: 32 bytes in base64. With `create`, a file that is missing is made, readable by the owner only. */
export function loadMasterKey(file: string, options: { create: boolean }): MasterKey {
  if (!existsSync(file)) {
    if (!options.create) {
      throw new Error(
        `The master key ${file} is missing, and the state was sealed with it: restore the file from a backup.`,
      )
    }
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, `${randomBytes(lengthBytes).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true })
  }
  chmodSync(file, 0o600)
  const bytes = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64')
  if (bytes.length !== lengthBytes) {
    throw new Error(`The master key ${file} is damaged: it must hold ${lengthBytes} bytes in base64.`)
  }
  return { id: fingerprint(bytes), bytes }
}

function fingerprint(bytes: Buffer): string {
  return createHash('sha256').update('nexus master key id').update(bytes).digest('hex').slice(0, 8)
}
