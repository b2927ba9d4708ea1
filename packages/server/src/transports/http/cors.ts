import type { IncomingMessage } from 'node:http'

/** The origins whose pages may call; `*`: any. */
export type CorsOrigins = '*' | readonly string[]

/** What pages may read of an answer beside its body. */
const exposedHeaders = [
  ...['ETag', 'Idempotent-Replayed', 'Retry-After', 'X-Next-Cursor', 'X-Request-Id'],
  ...['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'],
].join(', ')

/** For how long a browser may remember it: two hours, which is the most that Chromium does. */
const preflightHeaders = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': [
    ...['Authorization', 'Content-Encoding', 'Content-Type', 'Idempotency-Key', 'If-Match', 'Last-Event-ID'],
    ...['traceparent', 'tracestate', 'X-Request-Id'],
  ].join(', '),
  'access-control-max-age': '7200',
} as const

/**
 * The headers by which a browser lets pages of other origins read an answer
 * (https://fetch.spec.whatwg.org/#http-cors-protocol); they belong on every answer, errors too. Keys stand in headers and
 * addresses, so that no credentials of the browser are ever permitted.
 */
export function corsHeaders(origins: CorsOrigins, { headers: { origin } }: IncomingMessage): Record<string, string> {
  if (origins === '*') return permitted('*')
  if (origins.length === 0) return {}
  // Without it a cache would hand to one origin what was answered to another.
  const vary = { vary: 'Origin' }
  return origin !== undefined && origins.includes(origin) ? { ...permitted(origin), ...vary } : vary
}

function permitted(origin: string): Record<string, string> {
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': exposedHeaders }
}

/** What a browser asks before it sends a page's request; undefined for any other request, or from another origin. */
export function preflightAnswer(origins: CorsOrigins, request: IncomingMessage): Record<string, string> | undefined {
  const { origin, 'access-control-request-method': method } = request.headers
  if (request.method !== 'OPTIONS' || origin === undefined || method === undefined) return undefined
  return origins === '*' || origins.includes(origin) ? preflightHeaders : undefined
}
