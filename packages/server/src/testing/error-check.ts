import { equal, ok } from 'node:assert/strict'
import { type ErrorDetails, ErrorEnvelope, errorTable } from '@nexus/contract'
import { Compile } from 'typebox/compile'

const envelope = Compile(ErrorEnvelope)

/** What only the inside of a server knows: engines, statements, stack traces, places on the disk. */
const internals = [
  /DB::Exception|\bCode: \d+\. |ClickHouse|chdb/i,
  /SQLITE|ERR_SQLITE|kysely/i,
  /\bat (file:\/\/|async |Object\.|new |\w+ \()|node:internal|node_modules|\.ts:\d+/,
  /\b(SELECT|INSERT INTO|ALTER TABLE)\b[^"]*\b(FROM|VALUES|DELETE|points|log)\b/,
  /fromUnixTimestamp64Micro|rollup_1[mh]|tag_sets|ingest\.db|state\.db|master\.key/,
]

/** Asserts that an answer tells nothing of the inside, `sent` aside: what the client said it may hear again. */
export function tellsNothing(text: string, { folder, sent = '' }: { folder: string; sent?: string }): void {
  ok(!text.includes(folder), `names the data folder: ${text.slice(0, 500)}`)
  for (const inner of internals) {
    const found = inner.exec(text)?.[0]
    ok(found === undefined || inner.test(sent), `tells of the inside, "${found}": ${text.slice(0, 500)}`)
  }
}

/** Asserts that a text is the envelope of the specification, with a code that goes with the status; returns the error. */
export function envelopeIn(text: string, status: number): ErrorEnvelope['error'] & { details: ErrorDetails } {
  const body = JSON.parse(text)
  ok(envelope.Check(body), text.slice(0, 500))
  const { error } = body as ErrorEnvelope
  const finer = error.code === 'INVALID_REQUEST' && [405, 406, 408, 413, 415, 417, 426, 431].includes(status)
  equal(finer ? errorTable[error.code].http : status, errorTable[error.code].http, text.slice(0, 500))
  return error
}
