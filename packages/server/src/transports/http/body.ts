import { isAscii, isUtf8 } from 'node:buffer'
import { gunzip, inflate, zstdDecompress } from 'node:zlib'
import { fail, invalid } from '../../core/failure.ts'
import { bodyTooLarge } from './error-answer.ts'

const decoders = { gzip: gunzip, 'x-gzip': gunzip, deflate: inflate, zstd: zstdDecompress }

const depthMax = 32
const keysMax = 10_000

/** Undoes `Content-Encoding`, never beyond `bytesMax`: a decompression bomb stops there. Plain bodies come back as they are. */
export function decodeBody(body: Buffer, encoding: string | undefined, bytesMax: number): Buffer | Promise<Buffer> {
  const name = encoding?.trim().toLowerCase()
  return name === undefined || name === '' || name === 'identity' ? body : decompress(body, name, bytesMax)
}

async function decompress(body: Buffer, name: string, bytesMax: number): Promise<Buffer> {
  const decode = Object.hasOwn(decoders, name) ? decoders[name as keyof typeof decoders] : undefined
  if (!decode) {
    throw fail(
      'INVALID_REQUEST',
      { field: 'Content-Encoding', issue: 'is not supported: expected gzip, deflate or zstd' },
      { http: 415 },
    )
  }
  const pieces: Buffer[] = []
  for (let [begin, room] = [0, bytesMax]; begin < body.length; ) {
    const { inflated, read } = await decodeOne(decode, body.subarray(begin), room, bytesMax, name)
    begin += read
    room -= inflated.length
    pieces.push(inflated)
    // Frames of zstd may follow each other (RFC 8878, 3); gzip's members are read as one, and zlib has but one stream.
    if (begin < body.length && name !== 'zstd') throw invalid('body', `goes on after the end of its ${name}`)
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}

function decodeOne(
  decode: (typeof decoders)[keyof typeof decoders],
  body: Buffer,
  room: number,
  bytesMax: number,
  name: string,
): Promise<{ inflated: Buffer; read: number }> {
  return new Promise((resolve, reject) => {
    const done = (error: (Error & { code?: string }) | null, result: unknown) => {
      if (error?.code === 'ERR_BUFFER_TOO_LARGE') return reject(bodyTooLarge(bytesMax))
      const { buffer, engine } = (result ?? {}) as { buffer: Buffer; engine: { bytesWritten: number } }
      if (error || engine.bytesWritten === 0) return reject(invalid('body', `is not valid ${name}`))
      resolve({ inflated: buffer, read: engine.bytesWritten })
    }
    // The types of Node don't know that `info` goes with every decoder.
    ;(decode as typeof gunzip)(body, { maxOutputLength: Math.max(1, room), info: true }, done)
  })
}

/** Reads pieces of a body as text. Most bodies are ASCII, which is told and read several times faster. */
export function textReader(body: Buffer): (begin: number, end: number) => string {
  if (isAscii(body)) return (begin, end) => body.toString('latin1', begin, end)
  if (!isUtf8(body)) throw invalid('body', 'is not valid UTF-8')
  return (begin, end) => body.toString('utf8', begin, end)
}

/** Reads a body of JSON; an empty one is an empty object. */
export function readJson(body: Buffer): unknown {
  return body.length === 0 ? {} : parseJson(textReader(body)(0, body.length))
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('body', notJson(text))
  }
}

function notJson(text: string): string {
  if (/[:[,]\s*-?(NaN|Infinity)\b/.test(text)) return 'is not valid JSON: NaN and Infinity are not readings'
  return 'is not valid JSON'
}

/** Refuses values that are nested too deep or have too many keys to be worth a look, and text that is no Unicode. */
export function checkShape(value: unknown): void {
  let keys = 0
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) throw invalid('body', `is nested deeper than ${depthMax} levels`)
    const next: unknown[] = []
    for (const node of level) {
      if (typeof node === 'string') checkText(node)
      if (typeof node !== 'object' || node === null) continue
      const children = Object.entries(node)
      keys += children.length
      if (keys > keysMax) throw invalid('body', `has more than ${keysMax} keys`)
      for (const [key, child] of children) {
        checkText(key)
        next.push(child)
      }
    }
    level = next
  }
}

/** JSON may escape half a surrogate pair, which no store can keep as it is. */
function checkText(text: string): void {
  if (!text.isWellFormed()) throw invalid('body', 'holds text that is not well-formed Unicode')
}
