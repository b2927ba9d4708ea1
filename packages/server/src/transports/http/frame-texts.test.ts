import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
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

async function sameAsWhole(text: string): Promise<void> {
  const body = text.toWellFormed()
  const expected = readWhole(body)
  if (expected) deepEqual(await readArray(Buffer.from(body)), expected)
  else await rejects(readArray(Buffer.from(body)), { code: 'INVALID_REQUEST' })
}

test('a batch read piece by piece is what it is when read at once, as an array and as an object', async () => {
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
  await fc.assert(fc.asyncProperty(body, sameAsWhole), { numRuns: 500 })
})

test('a body with a flaw is refused whenever it is no JSON as a whole', async () => {
  const flaw = fc.constantFrom(',', ']', '[', '{', '}', '"', '\\', ':', '1', ' ', 'NaN')
  const flawed = fc
    .tuple(values, fc.nat(), flaw, fc.boolean(), fc.boolean())
    .map(([frames, at, flaw, bare, replaces]) => {
      const text = JSON.stringify(bare ? frames : { ack: 'durable', frames })
      const place = at % (text.length + 1)
      return text.slice(0, place) + flaw + text.slice(place + (replaces ? 1 : 0))
    })
  await fc.assert(fc.asyncProperty(flawed, sameAsWhole), { numRuns: 1000 })
})

test('frames that are given twice are refused, as are a body of blanks and one that never ends', async () => {
  const refused = ['{"frames":[1],"frames":[2]}', '', ' ', '[1', '{"frames":[1]', '["a]', '7', '{}']
  for (const body of refused) await rejects(readArray(Buffer.from(body)), { code: 'INVALID_REQUEST' }, body)
})

test('a key is what it says, however it is written', async () => {
  const escaped = Buffer.from('{"fr\\u0061mes":[1],"ack":"memory"}')
  deepEqual(await readArray(escaped), { frames: [1], rest: { ack: 'memory' } })
})

test('more frames than a batch may hold are refused before they are read', async () => {
  const body = Buffer.from(`[${'{},'.repeat(10_001)}{`)
  await rejects(readArray(body), {
    details: {
      field: 'frames',
      issue: 'has more than 10000 frames',
      errors: [{ field: 'frames', issue: 'has more than 10000 frames' }],
    },
  })
  await rejects(readLines(Buffer.from('{}\n'.repeat(10_001))), { code: 'INVALID_REQUEST' })
})

test('a text too long for any frame is not read, in an array nor on a line', async () => {
  const long = `{"a":"${'x'.repeat(400_000)}"}`
  deepEqual((await readArray(Buffer.from(`[{},${long},{}]`))).frames, [{}, '', {}])
  deepEqual(await readLines(Buffer.from(`{}\n${long}\n\n {"b":1} \r\nno json\n`)), [{}, '', { b: 1 }, ''])
})

test('while a large batch is read, others have their turn', async () => {
  const frame = `{"a":"${'x'.repeat(100_000)}"}`
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  const { frames } = await readArray(Buffer.from(`[${Array.from({ length: 60 }, () => frame).join(',')}]`))
  clearImmediate(immediate)
  equal(frames.length, 60)
  equal(turns >= 5, true)
})
