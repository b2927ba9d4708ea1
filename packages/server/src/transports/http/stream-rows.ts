import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'

type Row = Record<string, unknown>

/** An answer with rows, and what else its JSON has. */
export interface RowsAnswer {
  data: readonly Row[]
  [field: string]: unknown
}

/** About as many characters are made in one turn of the event loop. */
const pieceLength = 64 * 1024

/** Streams the rows of an answer as CSV (RFC 4180) or NDJSON. */
export function streamRows({ data }: RowsAnswer, media: 'text/csv' | 'application/x-ndjson'): Readable {
  return Readable.from(inTurns(pieces(media === 'text/csv' ? csv(data) : ndjson(data))))
}

/** An answer with rows as JSON, as `JSON.stringify` gives it: a text, or a stream if it is long. */
export function streamJson(answer: RowsAnswer): string | Readable {
  const parts = pieces(json(answer))
  const [first, second] = [parts.next().value ?? '', parts.next().value]
  return second === undefined ? first : Readable.from(inTurns(resumed([first, second], parts)))
}

function* resumed(begun: string[], rest: Iterable<string>): Generator<string> {
  yield* begun
  yield* rest
}

/** Each piece is made when the one before has been taken. */
async function* inTurns(parts: Iterable<string>): AsyncGenerator<string> {
  for (const part of parts) {
    yield part
    await nextTurn()
  }
}

function* pieces(texts: Iterable<string>): Generator<string> {
  let piece = ''
  for (const text of texts) {
    piece += text
    if (piece.length < pieceLength) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

function* json(answer: RowsAnswer): Generator<string> {
  let before = '{'
  for (const [field, value] of Object.entries(answer)) {
    if (value === undefined) continue
    yield `${before}${JSON.stringify(field)}:`
    before = ','
    if (field === 'data') yield* jsonRows(answer.data)
    else yield JSON.stringify(value)
  }
  yield '}'
}

function* jsonRows(rows: readonly Row[]): Generator<string> {
  let before = '['
  for (const row of rows) {
    yield before + JSON.stringify(row)
    before = ','
  }
  yield before === '[' ? '[]' : ']'
}

function* ndjson(rows: readonly Row[]): Generator<string> {
  for (const row of rows) yield `${JSON.stringify(row)}\n`
}

function* csv(rows: readonly Row[]): Generator<string> {
  const columns = [...columnsOf(rows)]
  yield `${columns.map(cell).join(',')}\r\n`
  for (const row of rows)
    yield `${columns.map((column) => (Object.hasOwn(row, column) ? cell(row[column]) : '')).join(',')}\r\n`
}

function columnsOf(rows: readonly Row[]): Set<string> {
  const columns = new Set<string>()
  for (const row of rows) for (const column of Object.keys(row)) columns.add(column)
  return columns
}

/** Nothing is null, and an empty text is a pair of quotes. */
function cell(value: unknown): string {
  if (value === null) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
