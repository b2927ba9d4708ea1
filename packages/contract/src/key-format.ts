const prefix = 'nxs_live_'
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idLength = 12
const secretLength = 43
/** Under the 72 bytes that bcrypt looks at. */
export const keyLength = 71
const shape = /^nxs_live_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/

export interface KeyParts {
  /** Twelve base62 characters: names the key, and may be shown. */
  id: string
  /** Forty-three base62 characters, 256 bits: never stored, never logged. */
  secret: string
}

/** Writes an API key: `nxs_live_<id>_<secret><crc>`, where the CRC-32 tells a mistyped key from a revoked one. */
export function formatKey(id: string, secret: string): string {
  const body = `${prefix}${id}_${secret}`
  return body + checksum(body)
}

/** Reads what `formatKey` wrote; undefined when the text is not a key or its checksum is wrong. */
export function parseKey(key: string): KeyParts | undefined {
  const match = shape.exec(key)
  if (!match) return undefined
  return checksum(key.slice(0, -6)) === match[3] ? { id: match[1]!, secret: match[2]! } : undefined
}

/** Makes the parts of a new key. `randomBytes` must be cryptographically strong; it is asked as often as needed. */
export function newKeyParts(randomBytes: (count: number) => Uint8Array): KeyParts {
  return { id: base62(idLength, randomBytes), secret: base62(secretLength, randomBytes) }
}

/** Bytes of 248 and above are thrown away: taken modulo 62 they would favour the first letters. */
function base62(length: number, randomBytes: (count: number) => Uint8Array): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length - text.length)) if (byte < 248) text += alphabet[byte % 62]
  }
  return text
}

/** CRC-32 (IEEE 802.3, as `zlib.crc32`) in six base62 digits. */
function checksum(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let i = 0; i < 6; i++) {
    digits = alphabet[rest % 62] + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

function crc32(text: string): number {
  let crc = 0xffffffff
  for (const byte of new TextEncoder().encode(text)) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
