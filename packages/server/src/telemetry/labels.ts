import { createHash } from 'node:crypto'

/** Tags or metadata, interned: points carry the id alone, a 64-bit hash as a decimal; `0` is the empty set. */
export interface LabelSets {
  /** The id of a set, and its definition if this process has not logged it yet (else the empty string). */
  intern(set: Record<string, unknown> | undefined): { id: string; definition: string }
  /** Forgets what was logged: after a commit that failed, definitions must be sent again. */
  forget(): void
}

const setsMax = 100_000

/** `define` writes the line that the store's table of such sets takes. */
export function createLabelSets(define: (id: string, sorted: Record<string, unknown>) => string): LabelSets {
  const ids = new Map<string, string>()

  return {
    intern(set) {
      if (set === undefined) return { id: '0', definition: '' }
      const text = JSON.stringify(set)
      const known = ids.get(text)
      if (known !== undefined) return { id: known, definition: '' }

      const sorted = Object.fromEntries(Object.entries(set).sort(([a], [b]) => (a < b ? -1 : 1)))
      const id = Object.keys(sorted).length === 0 ? '0' : hash(JSON.stringify(sorted))
      if (ids.size >= setsMax) ids.clear()
      ids.set(text, id)
      return { id, definition: id === '0' ? '' : `${define(id, sorted)}\n` }
    },
    forget: () => ids.clear(),
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest().readBigUInt64BE().toString()
}

/** A line of the store's `tag_sets`. */
export function tagSetLine(id: string, tags: Record<string, unknown>): string {
  return JSON.stringify([id, tags])
}

/** A line of the store's `metadata_sets`. */
export function metadataSetLine(id: string, metadata: Record<string, unknown>): string {
  return JSON.stringify([id, JSON.stringify(metadata)])
}
