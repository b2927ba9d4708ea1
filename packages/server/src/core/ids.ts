import { randomBytes } from 'node:crypto'
import { takeRandom } from './random-pool.ts'

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz'

/** An unguessable id such as `key-4f9x…`: 96 bits of randomness behind a prefix that tells what it names. */
export function newId(prefix: string): string {
  return `${prefix}-${randomText(20)}`
}

const instantLength = 9

const countLength = 3
const last = { ms: 0, count: 0 }

/**
 * The same with the instant in front, a count within that, and 67 bits of randomness: ids of one process sort as they were
 * made, and those that come one after another stand beside each other in an index, so that a commit writes few of its pages.
 */
export function newIdAt(prefix: string, ms: number): string {
  last.count = ms === last.ms ? (last.count + 1) % 36 ** countLength : 0
  last.ms = ms
  const count = last.count.toString(36).padStart(countLength, '0')
  return `${prefix}-${ms.toString(36).padStart(instantLength, '0')}${count}${randomText(13)}`
}

/** Makes ids that are unique over processes and cheap to make: a random stem a process, and a counter. */
export function idSequence(prefix: string): () => string {
  const stem = randomBytes(8).toString('hex')
  let counter = 0
  return () => `${prefix}-${stem}${(counter++).toString(36).padStart(5, '0')}`
}

/** A W3C trace id (https://www.w3.org/TR/trace-context/#trace-id). */
export function newTraceId(): string {
  return takeRandom(16).toString('hex')
}

function randomText(length: number): string {
  let text = ''
  for (const byte of takeRandom(length)) text += alphabet[byte % 36]
  return text
}
