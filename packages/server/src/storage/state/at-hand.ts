import type { Tx } from '../../core/context.ts'
import type { StateEngine } from './engine.ts'
import { afterEnd, whenStanding } from './transaction.ts'

const sizes = new WeakMap<object, number>()

/** Tells how large an object is as JSON, where it has been made for another purpose. */
export function noteJsonSize(value: object, size: number): void {
  sizes.set(value, size)
}

/** How large a value is as JSON; counted once for each object, for it is the same one in all copies of a record. */
export function jsonSize(value: unknown): number {
  if (value === null) return 0
  if (typeof value !== 'object') return JSON.stringify(value).length
  const before = sizes.get(value)
  if (before !== undefined) return before
  const size = JSON.stringify(value).length
  sizes.set(value, size)
  return size
}

/** How much the records of a kind that stay at hand may be in all, each with what is counted for it itself. */
const bounds = { bytesMax: 16 * 1024 * 1024, ownBytes: 1024 }

/** Nothing is at hand where others write too. */
export function atHand<Kept extends object>(
  { kind }: Pick<StateEngine, 'kind'>,
  worth: Pick<AtHandOptions<Kept>, 'isWorth' | 'bytesOf'>,
): AtHand<Kept> | undefined {
  return kind === 'sqlite' ? new AtHand<Kept>({ ...bounds, ...worth }) : undefined
}

export interface AtHandOptions<Kept> {
  /** Of all of them, by `bytesOf`, and `ownBytes` for each. */
  bytesMax: number
  ownBytes: number
  /** Whether it is likely to be asked for again. */
  isWorth(record: Kept): boolean
  /** Of what may be large about it. */
  bytesOf(record: Kept): number
}

/**
 * Records as the one writer of the state sees them at this moment, so that what one transaction has written the next need not
 * read, and decrypt. It learns of a transaction once that stands for those after it; should their commit fail, it
 * forgets what they left. It keeps copies and gives copies, of which what is inside is never changed in place.
 */
export class AtHand<Kept extends object> {
  readonly #options: AtHandOptions<Kept>
  readonly #records = new Map<string, { record: Kept; bytes: number }>()
  readonly #written = new WeakMap<Tx, Map<string, Kept>>()
  #bytes = 0

  constructor(options: AtHandOptions<Kept>) {
    this.#options = options
  }

  /** For a transaction, or who knows that what it looks for is committed: what the last one left may not be yet. */
  get(key: string): Kept | undefined {
    const found = this.#records.get(key)
    return found && { ...found.record }
  }

  /** As it stands in the state from now on in this transaction. */
  note(tx: Tx, key: string, record: Kept): void {
    const written = this.#written.get(tx) ?? this.#begin(tx)
    written.set(key, { ...record })
  }

  #begin(tx: Tx): Map<string, Kept> {
    const written = new Map<string, Kept>()
    this.#written.set(tx, written)
    whenStanding(tx, () => {
      for (const [key, record] of written) this.#keep(key, record)
    })
    afterEnd(tx, (committed) => {
      if (!committed) this.#forget(written.keys())
    })
    return written
  }

  #forget(keys: Iterable<string>): void {
    for (const key of keys) this.#drop(key)
  }

  #keep(key: string, record: Kept): void {
    const { bytesMax, ownBytes, isWorth, bytesOf } = this.#options
    this.#drop(key)
    if (!isWorth(record)) return
    const bytes = ownBytes + bytesOf(record)
    this.#records.set(key, { record, bytes })
    this.#bytes += bytes
    for (const oldest of this.#records.keys()) {
      if (this.#bytes <= bytesMax) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    const found = this.#records.get(key)
    if (!found) return
    this.#records.delete(key)
    this.#bytes -= found.bytes
  }
}
