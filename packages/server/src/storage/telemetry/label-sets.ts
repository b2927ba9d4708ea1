import { createHash } from 'node:crypto'
import { Int64s, int64Column, mapColumn, type NativeColumn, nativeBlock, textColumn } from './native-block.ts'

/** The identity of a set of tags or of metadata: points carry it alone. A 64-bit hash; 0 is the empty set. */
export interface LabelSet {
  /** As a decimal. */
  id: string
  low: number
  high: number
}

type Labels = Record<string, unknown>

/** Tags or metadata, interned. */
export interface LabelSets {
  /** The identity of a set; `define` is called with it if this process has not logged it yet. */
  intern(set: Labels | undefined, define: (set: LabelSet, sorted: Labels) => void): LabelSet
  /** Forgets what was logged: after a commit that failed, definitions must be sent again. */
  forget(): void
}

const setsMax = 100_000
const empty: LabelSet = { id: '0', low: 0, high: 0 }

export function createLabelSets(): LabelSets {
  const known = new Map<string, LabelSet>()

  return {
    intern(labels, define) {
      if (labels === undefined) return empty
      const text = JSON.stringify(labels)
      const found = known.get(text)
      if (found !== undefined) return found

      const sorted = Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
      const set = Object.keys(sorted).length === 0 ? empty : hash(JSON.stringify(sorted))
      if (known.size >= setsMax) known.clear()
      known.set(text, set)
      if (set !== empty) define(set, sorted)
      return set
    },
    forget: () => known.clear(),
  }
}

function hash(text: string): LabelSet {
  const digest = createHash('sha256').update(text).digest()
  return { id: digest.readBigUInt64BE().toString(), low: digest.readUInt32BE(4), high: digest.readUInt32BE() }
}

export type Definition<Labels> = readonly [set: LabelSet, labels: Labels]

/** Rows of the store's `tag_sets`. */
export function tagSetsBlock(sets: readonly Definition<Record<string, string>>[]): Buffer {
  const tags = sets.flatMap(([, tags]) => Object.entries(tags))
  const [keys, values] = [tags.map(([key]) => key), tags.map(([, value]) => value)]
  return nativeBlock(sets.length, [idColumn(sets), mapColumn('tags', endsOf(sets), keys, values)])
}

/** Rows of the store's `metadata_sets`. */
export function metadataSetsBlock(sets: readonly Definition<Labels>[]): Buffer {
  const texts = sets.map(([, metadata]) => JSON.stringify(metadata))
  return nativeBlock(sets.length, [idColumn(sets), textColumn('metadata', texts)])
}

function idColumn(sets: readonly Definition<Labels>[]): NativeColumn {
  const ids = new Int64s()
  for (const [{ low, high }] of sets) ids.pushHalves(low, high)
  return int64Column('id', 'UInt64', ids)
}

function endsOf(sets: readonly Definition<Labels>[]): Int64s {
  const ends = new Int64s()
  let end = 0
  for (const [, labels] of sets) {
    end += Object.keys(labels).length
    ends.push(end)
  }
  return ends
}
