import { randomBytes } from 'node:crypto'
import { formatKey, newKeyParts, parseKey } from '@nexus/contract'

export function newKey(): string {
  const { id, secret } = newKeyParts(randomBytes)
  return formatKey(id, secret)
}

/** The `key_id` of a well-formed key, or undefined: the cheap refusal, before anything is looked up. */
export function keyIdOf(key: string): string | undefined {
  const parts = parseKey(key)
  return parts && `key-${parts.id}`
}

/** A new key under the same `key_id`. */
export function renewedKey(keyId: string): string {
  return formatKey(keyId.slice('key-'.length), newKeyParts(randomBytes).secret)
}

/** What may show of a key: all before its secret. */
export function prefixOf(key: string): string {
  return key.slice(0, key.lastIndexOf('_'))
}
