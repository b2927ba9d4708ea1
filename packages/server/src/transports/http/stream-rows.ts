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
  yield `${columns.map(cell).join(',')}\r\n`
  for (let i = 0; i < rows.length; i += rowsAChunk) {
    yield rows
      .slice(i, i + rowsAChunk)
      .map((row) => `${columns.map((column) => cell(row[column])).join(',')}\r\n`)
      .join('')
  }
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
