import type { Operation } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { invalid } from '../../core/failure.ts'

type Properties = Record<string, TSchema & { type?: string; anyOf?: { type?: string }[] }>

/** Brings path, query string and body together to the one flat input of an operation. */
export function gatherInput(
  operation: Operation,
  request: { method: string; params: unknown; query: unknown; body: unknown },
): Record<string, unknown> {
  const path = request.params as Record<string, string>
  const query = request.query as Record<string, string | string[]>
  const properties = (operation.input as TSchema & { properties?: Properties }).properties ?? {}
  if (['GET', 'HEAD', 'DELETE'].includes(request.method)) return { ...coerceQuery(query, properties), ...path }

  const [extra] = Object.keys(query)
  if (extra !== undefined) {
    const belongs = Object.hasOwn(properties, extra) ? 'give it in the body' : 'there is none'
    throw invalid(extra, `is not a query parameter of this operation: ${belongs}`)
  }
  const { body } = request
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('body', 'must be a JSON object')
  const named = Object.keys(path).find((name) => Object.hasOwn(body, name))
  if (named !== undefined) throw invalid(named, 'stands in the path, not in the body')
  return { ...body, ...path }
}

/** A query string knows only text: numbers and booleans are read where the schema wants nothing else. */
export function coerceQuery(query: Record<string, string | string[]>, properties: Properties): Record<string, unknown> {
  const input = Object.entries(query).map(([name, value]) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (Array.isArray(value) && !schema?.anyOf?.some((arm) => arm.type === 'array'))
      throw invalid(name, 'is given more than once')
    if (typeof value === 'string' && lostSign.test(value))
      throw invalid(name, 'has a blank in place of the sign of its offset: a + is written %2B in an address')
    return [name, typeof value === 'string' ? coerce(value, schema) : value] as const
  })
  // An assignment would lose a parameter `__proto__` where it must be refused.
  return Object.fromEntries(input)
}

const numeric = /^-?\d+(\.\d+)?$/

/** An offset whose plus sign was read as a blank (https://url.spec.whatwg.org/#urlencoded-parsing). */
const lostSign = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}[\d:.,]* \d{2}:?\d{2}$/

function coerce(value: string, schema: Properties[string] | undefined): unknown {
  const types = schema?.type ? [schema.type] : (schema?.anyOf?.map((arm) => arm.type) ?? [])
  const wantsNumber = types.includes('integer') || types.includes('number')
  if (wantsNumber && numeric.test(value)) return Number(value)
  if (types.includes('boolean') && (value === 'true' || value === 'false')) return value === 'true'
  return value
}
