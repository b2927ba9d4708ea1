import { randomBytes, randomUUID } from 'node:crypto'

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz'

/** An unguessable id such as `key-4f9x…`: 96 bits of randomness behind a prefix that tells what it names. */
export function newId(prefix: string): string {
  let id = ''
  for (const byte of randomBytes(20)) id += alphabet[byte % 36]
  return `${prefix}-${id}`
}

/** Makes ids that are unique over processes and cheap to make: a random stem a process, and a counter. */
export function idSequence(prefix: string): () => string {
  const stem = randomBytes(8).toString('hex')
  let counter = 0
  return () => `${prefix}-${stem}${(counter++).toString(36).padStart(5, '0')}`
}

/** A W3C trace id (https://www.w3.org/TR/trace-context/#trace-id). */
export function newTraceId(): string {
  return randomUUID().replaceAll('-', '')
}
