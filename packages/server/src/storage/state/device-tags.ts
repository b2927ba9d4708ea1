import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely'
import type { TagCondition } from '../../core/tag-filter.ts'
import type { StateTables } from './tables.ts'

/** A text without NUL, which PostgreSQL can't keep: distinct ones stay distinct, and beginnings stay beginnings. */
export function indexed(text: string): string {
  return text.replaceAll('\x01', '\x01\x01').replaceAll('\0', '\x010')
}

/** What `matchesTags` means, as a condition on a row of `devices`. */
export function meets(
  where: ExpressionBuilder<StateTables, 'devices'>,
  { key, negated, patterns }: TagCondition,
): Expression<SqlBool> {
  const tagged = where
    .selectFrom('device_tags')
    .select('device_tags.device_id')
    .where('key', '=', indexed(key))
    .where((tag) => tag.or(patterns.map(matches)))
  if (!negated) return where('devices.device_id', 'in', tagged)
  return where.not(where.exists(tagged.whereRef('device_tags.device_id', '=', 'devices.device_id')))
}

function matches({ kind, value }: TagCondition['patterns'][number]): Expression<SqlBool> {
  const text = sql`cast(${indexed(value)} as text)`
  switch (kind) {
    case 'exists':
      return sql<SqlBool>`1 = 1`
    case 'prefix':
      return sql<SqlBool>`substr(value, 1, length(${text})) = ${text}`
    case 'equals':
      // By its head first, which the index has.
      return sql<SqlBool>`(substr(value, 1, 128) = substr(${text}, 1, 128) and value = ${text})`
    default:
      return kind satisfies never
  }
}
