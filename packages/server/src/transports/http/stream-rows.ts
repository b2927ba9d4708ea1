import { Readable } from 'node:stream'

type Row = Record<string, unknown>
const rowsAChunk = 500

/** Streams the rows of an answer as CSV (RFC 4180) or NDJSON. */
export function streamRows(rows: readonly Row[], media: 'text/csv' | 'application/x-ndjson'): Readable {
  return Readable.from(media === 'text/csv' ? csv(rows) : ndjson(rows))
}

function* ndjson(rows: readonly Row[]): Generator<string> {
  for (let i = 0; i < rows.length; i += rowsAChunk) {
    yield rows
      .slice(i, i + rowsAChunk)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join('')
  }
}

function* csv(rows: readonly Row[]): Generator<string> {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const line = (row: Row) => columns.map((column) => (Object.hasOwn(row, column) ? cell(row[column]) : '')).join(',')
  yield `${columns.map(cell).join(',')}\r\n`
  for (let i = 0; i < rows.length; i += rowsAChunk) {
    yield rows
      .slice(i, i + rowsAChunk)
      .map((row) => `${line(row)}\r\n`)
      .join('')
  }
}

/** Nothing is null, and an empty text is a pair of quotes. */
function cell(value: unknown): string {
  if (value === null) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
