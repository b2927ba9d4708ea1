import { invalid } from './failure.ts'

/** Cursors are opaque to clients; inside, they are the sort key of the last row seen. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** Reads back what `encodeCursor` made; `shape` tells the types of its parts. */
export function decodeCursor(cursor: string, shape: readonly ('string' | 'number')[]): (string | number)[] {
  const position = parse(cursor)
  if (
    !Array.isArray(position) ||
    position.length !== shape.length ||
    !shape.every((type, i) => isPart(type, position[i]))
  ) {
    throw invalid('cursor', 'is not a cursor that this operation gave out')
  }
  return position
}

/** What a sort key may be: engines know no other numbers than whole ones, and PostgreSQL no text with NUL. */
function isPart(type: 'string' | 'number', value: unknown): boolean {
  return type === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && !value.includes('\0')
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return null
  }
}

/** Cuts a page of `limit` from rows read with `limit + 1`, with the cursor of the next one. */
export function page<Row>(
  rows: Row[],
  limit: number,
  position: (row: Row) => (string | number)[],
): { rows: Row[]; next: string | null } {
  if (rows.length <= limit) return { rows, next: null }
  const kept = rows.slice(0, limit)
  return { rows: kept, next: encodeCursor(position(kept[limit - 1]!)) }
}
