import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { takeRandom } from '../../core/random-pool.ts'

/** Where a sealed value stands; one that is moved elsewhere no longer opens. */
export interface Place {
  table: string
  column: string
  row: string
}

/** A key object costs less with every use than the bytes that it is made of. */
export interface SealKey {
  id: string
  bytes: Uint8Array | KeyObject
}

const version = 'enc:v1'
const ivBytes = 12
const tagBytes = 16

/** Encrypts with AES-256-GCM to `enc:v1:<key id>:<base64url of iv, tag and ciphertext>`, bound to its place. */
export function seal(key: SealKey, place: Place, text: string): string {
  const iv = takeRandom(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key.bytes, iv, { authTagLength: tagBytes })
  cipher.setAAD(associated(place))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `${version}:${key.id}:${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`
}

/** Opens what `seal` made; throws if the key, the place or a single bit differs. */
export function unseal(key: SealKey, place: Place, sealed: string): string {
  const prefix = `${version}:${key.id}:`
  if (!sealed.startsWith(prefix)) throw new Error(`A sealed value of ${place.table} is not of the key ${key.id}`)
  const bytes = Buffer.from(sealed.slice(prefix.length), 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(associated(place))
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  return decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8')
}

function associated({ table, column, row }: Place): Buffer {
  return Buffer.from(`${table}|${column}|${row}`)
}
