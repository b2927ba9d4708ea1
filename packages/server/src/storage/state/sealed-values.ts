import { noteJsonSize } from './at-hand.ts'
import type { Sealer } from './sealer.ts'

/**
 * Values as JSON that is sealed, and back. What was sealed or opened once at a place is not sealed again when its row
 * is written anew, as long as it is the same object: so nobody changes one in place.
 */
export function sealedValues(sealer: Sealer) {
  const known = new WeakMap<object, { at: string; sealed: string }>()
  return {
    seal(table: string, column: string, row: string, value: unknown): string {
      if (typeof value !== 'object' || value === null) return sealer.seal({ table, column, row }, JSON.stringify(value))
      const at = `${table} ${column} ${row}`
      const before = known.get(value)
      if (before?.at === at) return before.sealed
      const json = JSON.stringify(value)
      noteJsonSize(value, json.length)
      const sealed = sealer.seal({ table, column, row }, json)
      known.set(value, { at, sealed })
      return sealed
    },

    open<T>(table: string, column: string, row: string, sealed: string): T {
      const value = JSON.parse(sealer.unseal({ table, column, row }, sealed))
      if (typeof value === 'object' && value !== null) known.set(value, { at: `${table} ${column} ${row}`, sealed })
      return value
    },
  }
}
