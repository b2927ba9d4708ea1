import type { HttpMethod, HttpRoute } from '@nexus/contract'
import type { Route } from './contract-data.ts'

/** An operation's call in HTTP, still without host and credentials. */
export interface HttpCall {
  method: HttpMethod
  /** With the query string. */
  path: string
  body: string | undefined
}

/** Past this length servers and proxies begin to refuse a request line. */
const pathLengthMax = 6000

/**
 * Lays flat input out over a route: fields named in the path, then the query string for GET and DELETE or a JSON body
 * for the rest. A query that is too long for a URL takes the operation's body route if it has one.
 */
export function requestOf({ http }: Pick<Route, 'http'>, input: Readonly<Record<string, unknown>>): HttpCall {
  const canonical = layOut(http[0], input)
  if (canonical.body !== undefined || canonical.path.length <= pathLengthMax) return canonical
  const bodyRoute = http.find((route) => !isQueryRoute(route))
  return bodyRoute ? layOut(bodyRoute, input) : canonical
}

function layOut(route: HttpRoute, input: Readonly<Record<string, unknown>>): HttpCall {
  const [method, template] = route.split(' ') as [HttpMethod, string]
  const rest = { ...input }
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest[name]
    if (value === undefined || value === null || value === '') throw new TypeError(`${name} is missing`)
    delete rest[name]
    if (!String(value).isWellFormed()) throw new TypeError(`${name} is not well-formed Unicode`)
    return encodeURIComponent(String(value))
  })
  if (!isQueryRoute(route)) return { method, path, body: JSON.stringify(rest) }
  const query = queryString(rest)
  return { method, path: query === '' ? path : `${path}?${query}`, body: undefined }
}

const isQueryRoute = (route: HttpRoute) => route.startsWith('GET ') || route.startsWith('DELETE ')

function queryString(fields: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null) query.set(name, queryValue(value))
  }
  return query.toString()
}

/** In a comma-separated list a backslash takes the next character as it is; in a lone text it is the caller's to write. */
function queryValue(value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => String(item).replaceAll(/[\\,]/g, '\\$&')).join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
