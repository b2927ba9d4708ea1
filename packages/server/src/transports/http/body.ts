import { isAscii, isUtf8 } from 'node:buffer'
import { gunzip, inflate, zstdDecompress } from 'node:zlib'
import { fail, invalid } from '../../core/failure.ts'
import { bodyTooLarge } from '../error-answer.ts'
import { parseJson } from '../json.ts'

const decoders = { gzip: gunzip, 'x-gzip': gunzip, deflate: inflate, zstd: zstdDecompress }

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

/** The text of a body of JSON; an empty one is an empty object. */
export function readText(body: Buffer): string {
  return body.length === 0 ? '{}' : textReader(body)(0, body.length)
}

export function readJson(body: Buffer): unknown {
  return parseJson(readText(body))
}
