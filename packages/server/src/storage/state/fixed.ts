import type { ColumnType } from 'kysely'

/** Set when the row is inserted, and never changed. */
export type Fixed<T> = ColumnType<T, T, never>
