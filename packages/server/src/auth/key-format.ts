import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const start = 'nxs_live_'
const idLength = 12
const secretLength = 43
const checkLength = 6
const idEnd = start.length + idLength
const checkedLength = idEnd + 1 + secretLength

/** Under the 72 bytes that bcrypt looks at. */
export const keyLength = checkedLength + checkLength
const shape = new RegExp(`^${start}[0-9A-Za-z]{${idLength}}_[0-9A-Za-z]{${secretLength + checkLength}}$`)

/** `nxs_live_<id12>_<secret43><crc6>`; the secret carries 256 bits. */
export function newKey(id = randomDigits(idLength)): string {
  const checked = `${start}${id}_${randomDigits(secretLength)}`
  return checked + checksum(checked)
}

/** The `key_id` of a well-formed key, or undefined: the cheap refusal, before anything is looked up. */
export function keyIdOf(key: string): string | undefined {
  if (key.length !== keyLength || !shape.test(key)) return undefined
  if (checksum(key.slice(0, checkedLength)) !== key.slice(checkedLength)) return undefined
  return `key-${key.slice(start.length, idEnd)}`
}

/** A new key under the same `key_id`. */
export function renewedKey(keyId: string): string {
  return newKey(keyId.slice('key-'.length))
}

/** What may show of a key. */
export function prefixOf(key: string): string {
  return key.slice(0, idEnd)
}

/** The six base62 digits of the CRC-32, most significant first; 62^6 exceeds 2^32. */
function checksum(text: string): string {
  let rest = crc32(text)
  let check = ''
  for (let i = 0; i < checkLength; i++) {
    check = digits[rest % 62] + check
    rest = Math.floor(rest / 62)
  }
  return check
}

function randomDigits(length: number): string {
  let text = ''
  while (text.length < length) {
    // Bytes of 248 and more are thrown away: they would make the first eight digits likelier.
    for (const byte of randomBytes(length)) if (byte < 248 && text.length < length) text += digits[byte % 62]
  }
  return text
}
