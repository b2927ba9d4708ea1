import { telemetryLimits } from '@nexus/contract'
import { Failure, invalid } from '../../core/failure.ts'
import { UnreadFrame } from '../../telemetry/index.ts'
import { parseJson } from '../json.ts'
import { textReader } from './body.ts'

/** Where a text begins and ends in a body. */
type Range = readonly [begin: number, end: number]

const { batchFramesMax, frameBytesMax } = telemetryLimits
/** What a frame of the largest size may take when each of its characters is escaped. */
const textBytesMax = frameBytesMax * 6
const restBytesMax = 64 * 1024

/**
 * Reads the frames of NDJSON, one a line; blank lines are passed over. A line that is no JSON, or that is too long for
 * any frame, comes back as what is wrong with it, so that it is refused by its index.
 */
export function readLines(body: Buffer): Iterable<unknown> {
  const parse = frameParser(body)
  return eachRead(lineRanges(body), (range) => {
    try {
      return parse(range)
    } catch (cause) {
      if (cause instanceof Failure) return new UnreadFrame(cause.details.issue!)
      throw cause
    }
  })
}

/** Reads the frames of a JSON array, or of an object that has them under `frames`; `rest` is what else the object has. */
export function readArray(body: Buffer): { frames: Iterable<unknown>; rest: Record<string, unknown> } {
  const { ranges, rest } = splitArray(body)
  return { frames: eachRead(ranges, frameParser(body)), rest }
}

/** One at a time, so that no more than one of them is held. */
function* eachRead(ranges: Iterable<Range>, read: (range: Range) => unknown): Generator<unknown> {
  let count = 0
  for (const range of ranges) {
    if (++count > batchFramesMax) throw invalid('frames', `has more than ${batchFramesMax} frames`)
    yield read(range)
  }
}

function frameParser(body: Buffer): (range: Range) => unknown {
  const read = textReader(body)
  const tooLong = new UnreadFrame(`has more than ${frameBytesMax} bytes`)
  return ([begin, end]) => (end - begin > textBytesMax ? tooLong : parseJson(read(begin, end)))
}

const [lineFeed, carriageReturn, space, tab] = [0x0a, 0x0d, 0x20, 0x09]
const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === lineFeed || byte === carriageReturn || byte === tab
}

function* lineRanges(body: Buffer): Generator<Range> {
  for (let begin = 0; begin < body.length; ) {
    const newline = body.indexOf(lineFeed, begin)
    const end = newline === -1 ? body.length : newline
    // Within the line alone, or a body of line feeds would be read to its end from each of them.
    if (afterBlanks(body, begin, end) < end) yield [begin, end]
    begin = end + 1
  }
}

function afterBlanks(body: Buffer, begin: number, end = body.length): number {
  let at = begin
  while (at < end && isBlank(body[at])) at++
  return at
}

/**
 * Finds the elements without reading them, so that they can be read one at a time. What is between them is checked, they
 * themselves only as far as brackets and quotes go.
 */
function splitArray(body: Buffer): { ranges: Range[]; rest: Record<string, unknown> } {
  const begin = afterBlanks(body, 0)
  if (body[begin] === openBracket) {
    const { ranges, end } = elements(body, begin)
    if (afterBlanks(body, end) < body.length) throw invalid('body', 'is not valid JSON')
    return { ranges, rest: {} }
  }
  const found = body[begin] === openBrace ? framesWithin(body, begin) : undefined
  const [from, to] = found ? [found.begin, found.end] : [body.length, body.length]
  if (from + body.length - to > restBytesMax)
    throw invalid('body', `has more than ${restBytesMax} bytes beside its frames, if it has any`)
  const read = textReader(body)
  const rest = parseJson(`${read(0, from)}${found ? '[]' : ''}${read(to, body.length)}`)
  if (typeof rest !== 'object' || rest === null || Array.isArray(rest))
    throw invalid('body', 'must be an object with frames, or an array of frames')
  const { frames, ...others } = rest as Record<string, unknown>
  if (!found || !Array.isArray(frames)) throw invalid('frames', 'must be an array of frames')
  if (frames.length > 0) throw invalid('frames', 'is given more than once')
  return { ranges: found.ranges, rest: others }
}

interface Elements {
  ranges: Range[]
  begin: number
  /** After the closing bracket. */
  end: number
}

/** Each letter of a key may be written as an escape. */
const framesKeyMax = '"\\u0066\\u0072\\u0061\\u006d\\u0065\\u0073"'.length

function isFramesKey(key: string): boolean {
  if (!key.includes('\\') || key.length > framesKeyMax) return key === '"frames"'
  return parseJson(key) === 'frames'
}

/** The array under the key `frames` of the object that begins here. */
function framesWithin(body: Buffer, begin: number): Elements | undefined {
  let found: Elements | undefined
  let depth = 0
  for (let at = begin; at < body.length; ) {
    const byte = body[at]
    if (byte === quote) {
      const end = stringEnd(body, at)
      const next = afterBlanks(body, end)
      const value = body[next] === colon ? afterBlanks(body, next + 1) : next
      const isFrames = depth === 1 && body[next] === colon && isFramesKey(body.toString('latin1', at, end))
      if (isFrames && found) throw invalid('frames', 'is given more than once')
      if (isFrames && body[value] === openBracket) found = elements(body, value)
      at = isFrames && found ? found.end : end
      continue
    }
    if (byte === openBrace || byte === openBracket) depth++
    else if (byte === closeBrace || byte === closeBracket) depth--
    at++
  }
  return found
}

function elements(body: Buffer, begin: number): Elements {
  const ranges: Range[] = []
  let [depth, from] = [0, begin + 1]
  for (let at = from; at < body.length; ) {
    const byte = body[at]
    if (byte === quote) {
      at = stringEnd(body, at)
      continue
    }
    if (byte === openBrace || byte === openBracket) depth++
    else if (depth > 0 && (byte === closeBrace || byte === closeBracket)) depth--
    else if (depth === 0 && (byte === comma || byte === closeBracket)) {
      const last = byte === closeBracket
      if (!last || ranges.length > 0 || afterBlanks(body, from) < at) ranges.push([from, at])
      if (last) return { ranges, begin, end: at + 1 }
      if (ranges.length > batchFramesMax) throw invalid('frames', `has more than ${batchFramesMax} frames`)
      from = at + 1
    }
    at++
  }
  throw invalid('body', 'is not valid JSON')
}

/** After the quote that ends the string that begins here. */
function stringEnd(body: Buffer, begin: number): number {
  for (let at = begin + 1; ; at++) {
    at = body.indexOf(quote, at)
    if (at === -1) throw invalid('body', 'is not valid JSON')
    let before = at - 1
    while (body[before] === backslash) before--
    if ((at - before) % 2 === 1) return at + 1
  }
}
