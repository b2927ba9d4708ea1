import { hostShape } from './request-head.ts'

/** A request whose every byte is here and whose meaning is beyond doubt. */
export interface PlainRequest {
  /** By lower-case name; each was sent once. */
  headers: Readonly<Record<string, string>>
  body: Buffer
  /** Where the next request begins. */
  end: number
}

/**
 * The head of the request before: a client that keeps its connection sends the same one again, but for the length of the
 * body. What stands before and after the digits of that is compared as text.
 */
export interface LastHead {
  before: string
  after: string
  headers: Readonly<Record<string, string>>
}

const headBytesMax = 8 * 1024
const headEnd = Buffer.from('\r\n\r\n')
/** RFC 9110, 5.5, without what is obsolete there. */
const valueShape = /^[\t\x20-\x7e]*$/
const lengthShape = /^\d{1,6}$/

/** Headers that are honoured, and those that change nothing. With any other the request is not plain. */
const known = new Set([
  ...['host', 'authorization', 'content-type', 'content-length', 'accept', 'connection'],
  ...['idempotency-key', 'traceparent', 'x-request-id'],
  ...['accept-encoding', 'accept-language', 'sec-fetch-mode', 'tracestate', 'user-agent'],
])

/**
 * Reads one request from `chunk` at `begin`, if it has exactly this request line, only headers that are known here, each once,
 * a `Content-Length` of at most `bodyBytesMax`, and all of its body (RFC 9112). Undefined for anything else: that is for a
 * whole HTTP parser to read, not an error.
 */
export function readPlainRequest(
  requestLine: string,
  chunk: Buffer,
  begin: number,
  bodyBytesMax: number,
  last: LastHead | undefined,
): { request: PlainRequest; head: LastHead } | undefined {
  const end = chunk.indexOf(headEnd, begin)
  if (end === -1 || end - begin > headBytesMax) return undefined
  const text = chunk.toString('latin1', begin, end)
  const again = last && lengthWithin(last, text)
  const head = again === undefined ? readHead(requestLine, text) : last
  if (!head) return undefined
  const bodyBegin = end + headEnd.length
  const bodyBytes = Number(again ?? head.headers['content-length'])
  const bodyEnd = bodyBegin + bodyBytes
  if (bodyBytes > bodyBytesMax || bodyEnd > chunk.length) return undefined
  return { request: { headers: head.headers, body: chunk.subarray(bodyBegin, bodyEnd), end: bodyEnd }, head }
}

/** The digits of the length, if all else of the head is as before. */
function lengthWithin({ before, after }: LastHead, text: string): string | undefined {
  if (!text.startsWith(before) || !text.endsWith(after)) return undefined
  const digits = text.slice(before.length, text.length - after.length)
  return lengthShape.test(digits) ? digits : undefined
}

function readHead(requestLine: string, text: string): LastHead | undefined {
  const [first, ...lines] = text.split('\r\n')
  if (first !== requestLine) return undefined
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1)
    if (colon < 1 || !known.has(name) || name in headers || !valueShape.test(value)) return undefined
    headers[name] = value.trim()
  }
  const { host, connection, 'content-length': length = '' } = headers
  const stays = connection === undefined || connection.toLowerCase() === 'keep-alive'
  if (!host || !hostShape.test(host) || !stays || !lengthShape.test(length)) return undefined
  const at = lengthAt(text)
  return { before: text.slice(0, at), after: text.slice(at + length.length), headers }
}

/** Where the digits of the one `Content-Length` begin. */
function lengthAt(text: string): number {
  const value = text.toLowerCase().indexOf('\r\ncontent-length:') + '\r\ncontent-length:'.length
  return value + /^[\t ]*/.exec(text.slice(value))![0].length
}
