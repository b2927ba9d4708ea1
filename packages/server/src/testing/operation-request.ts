import type { HttpRoute, Operation } from '@nexus/contract'

/** The request that brings an input to an operation, by one of its routes. What is no object goes as it is. */
export function operationRequest(
  operation: Operation,
  input: unknown,
  route: HttpRoute = operation.http[0],
): { path: string; init: RequestInit } {
  const [method, template] = route.split(' ') as [string, string]
  const fields: [string, unknown][] = isRecord(input) ? Object.entries(input) : []
  const inPath = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(isRecord(input) ? input[name] : input))
  const rest = fields.filter(([name]) => !inPath.includes(name))
  if (method === 'GET' || method === 'DELETE') {
    const query = new URLSearchParams(rest.flatMap(([name, value]) => parameters(name, value)))
    return { path: rest.length === 0 ? path : `${path}?${query}`, init: { method } }
  }
  const body = isRecord(input) ? `{${rest.map(member).join(',')}}` : (JSON.stringify(input) ?? '')
  return { path, init: { method, body, headers: { 'content-type': 'application/json' } } }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `JSON.stringify` of an object would pass over nothing but `undefined`; a field `__proto__` must get through. */
function member([name, value]: [string, unknown]): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'}`
}

function parameters(name: string, value: unknown): [string, string][] {
  if (Array.isArray(value)) return value.slice(0, 100).map((entry) => [name, textOf(entry)])
  return [[name, textOf(value)]]
}

/** Never empty, `.` or `..`: they would name another path. */
function segment(value: unknown): string {
  const text = textOf(value).slice(0, 1024).toWellFormed()
  return encodeURIComponent(/^\.{0,2}$/.test(text) ? 'none' : text)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 8_000) : (JSON.stringify(value) ?? 'null').slice(0, 8_000)
}
