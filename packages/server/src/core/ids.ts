import { randomBytes, randomUUID } from 'node:crypto'

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz'

/** An unguessable id such as `key-4f9x…`: 96 bits of randomness behind a prefix that tells what it names. */
export function newId(prefix: string): string {
  return `${prefix}-${randomText(20)}`
}

const instantLength = 9

/**
 * The same with the instant in front, and 82 bits of randomness: ids that come one after another stand beside each other in an index,
 * so that a commit writes few of its pages.
 */
export function newIdAt(prefix: string, ms: number): string {
  return `${prefix}-${ms.toString(36).padStart(instantLength, '0')}${randomText(16)}`
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

function randomText(length: number): string {
  let text = ''
  for (const byte of randomBytes(length)) text += alphabet[byte % 36]
  return text
}
