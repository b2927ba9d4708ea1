import fc from 'fast-check'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { hostileValue } from './hostile-value.ts'

/** The part of JSON Schema that the contract's schemas use. */
interface JsonSchema {
  type?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  patternProperties?: Record<string, JsonSchema>
  additionalProperties?: boolean | JsonSchema
  minProperties?: number
  maxProperties?: number
  items?: JsonSchema
  minItems?: number
  maxItems?: number
  anyOf?: JsonSchema[]
  enum?: unknown[]
  const?: unknown
  pattern?: string
  format?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
}

/** Values that the schema accepts. Sizes stay small: bounds are for tests of their own. */
export function arbitraryFor(schema: TSchema): fc.Arbitrary<unknown> {
  return arbitraryOf(schema as JsonSchema)
}

/**
 * Values that were valid but for one place, and values that never were: wrong types, fields missing or too many, huge
 * and deep ones, prototype keys, control characters, half of a surrogate pair, injections. The schema rejects most.
 */
export function hostileFor(schema: TSchema): fc.Arbitrary<unknown> {
  const spoilt = fc
    .tuple(arbitraryFor(schema), fc.constantFrom('replace', 'remove', 'add'), fc.nat(), hostileValue, hostileKey)
    .map(([value, how, place, bad, key]) => spoil(value, how, place, bad, key))
  return fc.oneof({ weight: 4, arbitrary: spoilt }, { weight: 1, arbitrary: hostileValue })
}

function arbitraryOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(arbitraryOf))
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if ('const' in schema) return fc.constant(schema.const)
  switch (schema.type) {
    case 'object':
      return schema.patternProperties ? recordOf(schema) : objectOf(schema)
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}), lengths(schema.minItems, schema.maxItems, 4))
    case 'string':
      return textOf(schema)
    case 'integer':
      return fc.integer({
        min: schema.minimum ?? Number.MIN_SAFE_INTEGER,
        max: schema.maximum ?? Number.MAX_SAFE_INTEGER,
      })
    case 'number':
      return fc.double({
        min: schema.minimum ?? schema.exclusiveMinimum ?? -Number.MAX_VALUE,
        minExcluded: schema.exclusiveMinimum !== undefined,
        max: schema.maximum ?? Number.MAX_VALUE,
        noNaN: true,
      })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case undefined:
      return fc.jsonValue({ maxDepth: 3 })
    default:
      throw new Error(`no arbitrary for the schema type ${schema.type}`)
  }
}

function objectOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, arbitraryOf(field)] as const)
  return fc
    .record(Object.fromEntries(fields), { requiredKeys: schema.required ?? [], noNullPrototype: true })
    .filter((object) => Object.keys(object).length >= (schema.minProperties ?? 0))
}

function recordOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const [pattern, value] = Object.entries(schema.patternProperties!)[0]!
  const key = fc.stringMatching(new RegExp(pattern), { size: 'small' }).filter((name) => name.length <= 128)
  return fc.dictionary(key, arbitraryOf(value), {
    minKeys: schema.minProperties ?? 0,
    maxKeys: Math.min(schema.maxProperties ?? 4, (schema.minProperties ?? 0) + 4),
    noNullPrototype: true,
  })
}

function textOf(schema: JsonSchema): fc.Arbitrary<string> {
  const accepted = Compile(schema as TSchema)
  const arbitrary = schema.format
    ? formatted(schema.format)
    : schema.pattern
      ? fc.stringMatching(new RegExp(schema.pattern, 'u'), { size: 'small' })
      : fc.string({ unit: 'grapheme', ...lengths(schema.minLength, schema.maxLength, 32) })
  return arbitrary.filter((text) => accepted.Check(text))
}

function formatted(format: string): fc.Arbitrary<string> {
  if (format !== 'date-time') throw new Error(`no arbitrary for the format ${format}`)
  const instant = fc.date({
    min: new Date('1970-01-01T00:00:00Z'),
    max: new Date('2100-01-01T00:00:00Z'),
    noInvalidDate: true,
  })
  const offset = fc.constantFrom('Z', '+00:00', '-05:00', '+05:45', '+14:00')
  const fraction = fc.constantFrom('', '.5', '.123', '.123456', '.123456789')
  return fc
    .tuple(instant, fraction, offset)
    .map(([date, digits, zone]) => date.toISOString().slice(0, 19) + digits + zone)
}

function lengths(min = 0, max = Number.POSITIVE_INFINITY, spread: number) {
  return { minLength: min, maxLength: Math.min(max, min + spread) }
}

const hostileKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '',
  'x',
  '$where',
  "a'; --",
  '\u0000',
)

/** Replaces, removes or adds at one place of a value, which is chosen by number. */
function spoil(value: unknown, how: string, place: number, bad: unknown, key: string): unknown {
  const copy = structuredClone(value)
  const holders = holdersIn(copy)
  const holder = holders[place % holders.length]
  if (holder === undefined) return bad
  const keys = Object.keys(holder)
  const chosen = keys[place % keys.length]
  // A list has no other keys: JSON would leave them out.
  if (how === 'add' || chosen === undefined) setOwn(holder, Array.isArray(holder) ? String(holder.length) : key, bad)
  else if (how === 'remove' && !Array.isArray(holder)) Reflect.deleteProperty(holder, chosen)
  else setOwn(holder, chosen, bad)
  return copy
}

/** The value itself comes twice: its own fields are those that the schema knows best. */
function holdersIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, value, ...Object.values(value).filter((inner) => typeof inner === 'object' && inner !== null)]
}

/** Assignment would call the setter of `__proto__`; JSON.parse makes a field of it, and so does this. */
function setOwn(holder: object, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
}
