/** 128 bits. `crypto.randomUUID` is missing in pages served over plain http, `getRandomValues` is not. */
export function randomHex(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
