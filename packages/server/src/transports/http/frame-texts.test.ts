import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { UnreadFrame } from '../../telemetry/index.ts'
import { readArray, readLines } from './frame-texts.ts'

const spaces = fc.constantFrom('', ' ', '\n', '\r\n\t')
const value = fc.jsonValue({ maxDepth: 3 })
const tricky = fc.constantFrom<fc.JsonValue>(
  '"',
  '\\',
  '\\"',
  '[',
  ']},{',
  '"frames":[',
  'é🌡',
  { frames: [1, [2]] },
  [],
  {},
)
const values = fc.array(fc.oneof(value, tricky), { maxLength: 6 })

/** The text of a value with blanks where JSON allows them. */
function spread(of: fc.JsonValue, blank: string): string {
  return JSON.stringify(of, null, blank === '' ? undefined : 1).replaceAll('\n', `\n${blank}`)
}

/** What the whole body says, read at once; undefined if it isn't a batch in JSON. */
function readWhole(body: string): { frames: unknown[]; rest: Record<string, unknown> } | undefined {
  try {
    const whole = JSON.parse(body)
    if (Array.isArray(whole)) return { frames: whole, rest: {} }
    const { frames, ...rest } = whole
    return Array.isArray(frames) ? { frames, rest } : undefined
  } catch {
    return undefined
  }
}

/** All of it, for `readArray` itself reads no frame before it is asked for. */
function readPieces(body: Buffer): { frames: unknown[]; rest: Record<string, unknown> } {
  const { frames, rest } = readArray(body)
  return { frames: [...frames], rest }
}

function sameAsWhole(text: string): void {
  const body = text.toWellFormed()
  const expected = readWhole(body)
  if (expected) deepEqual(readPieces(Buffer.from(body)), expected)
  else throws(() => readPieces(Buffer.from(body)), { code: 'INVALID_REQUEST' })
}

test('a batch read piece by piece is what it is when read at once, as an array and as an object', () => {
  const object = fc.tuple(
    values,
    fc.dictionary(
      fc.string().filter((key) => key !== 'frames'),
      value,
      { maxKeys: 3 },
    ),
  )
  const body = fc.oneof(
    fc.tuple(values, spaces).map(([frames, blank]) => `${blank}${spread(frames, blank)}${blank}`),
    fc.tuple(object, spaces, fc.boolean()).map(([[frames, rest], blank, first]) => {
      return spread(first ? { frames, ...rest } : { ...rest, frames }, blank)
    }),
  )
  fc.assert(fc.property(body, sameAsWhole), { numRuns: 500 })
})

test('a body with a flaw is refused whenever it is no JSON as a whole', () => {
  const flaw = fc.constantFrom(',', ']', '[', '{', '}', '"', '\\', ':', '1', ' ', 'NaN')
  const flawed = fc
    .tuple(values, fc.nat(), flaw, fc.boolean(), fc.boolean())
    .map(([frames, at, flaw, bare, replaces]) => {
      const text = JSON.stringify(bare ? frames : { ack: 'durable', frames })
      const place = at % (text.length + 1)
      return text.slice(0, place) + flaw + text.slice(place + (replaces ? 1 : 0))
    })
  fc.assert(fc.property(flawed, sameAsWhole), { numRuns: 1000 })
})

test('frames that are given twice are refused, as are a body of blanks and one that never ends', () => {
  const refused = ['{"frames":[1],"frames":[2]}', '', ' ', '[1', '{"frames":[1]', '["a]', '7', '{}']
  for (const body of refused) throws(() => readPieces(Buffer.from(body)), { code: 'INVALID_REQUEST' }, body)
})

test('a key is what it says, however it is written', () => {
  const escaped = Buffer.from('{"fr\\u0061mes":[1],"ack":"memory"}')
  deepEqual(readPieces(escaped), { frames: [1], rest: { ack: 'memory' } })
})

test('more frames than a batch may hold are refused before they are read', () => {
  const body = Buffer.from(`[${'{},'.repeat(10_001)}{`)
  throws(() => readPieces(body), {
    details: {
      field: 'frames',
      issue: 'has more than 10000 frames',
      errors: [{ field: 'frames', issue: 'has more than 10000 frames' }],
    },
  })
  throws(() => [...readLines(Buffer.from('{}\n'.repeat(10_001)))], { code: 'INVALID_REQUEST' })
})

test('a text too long for any frame is not read, in an array nor on a line', () => {
  const long = `{"a":"${'x'.repeat(400_000)}"}`
  const tooLong = new UnreadFrame('has more than 65536 bytes')
  deepEqual(readPieces(Buffer.from(`[{},${long},{}]`)).frames, [{}, tooLong, {}])
  const lines = readLines(Buffer.from(`{}\n${long}\n\n {"b":1} \r\nno json\n`))
  deepEqual([...lines], [{}, tooLong, { b: 1 }, new UnreadFrame('is not valid JSON')])
})

test('a body of blank lines alone is read in one pass', () => {
  deepEqual([...readLines(Buffer.alloc(16 * 1024 * 1024, '\n'))], [])
})
