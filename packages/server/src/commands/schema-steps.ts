import { linearPattern } from './linear-pattern.ts'
import { targetOf } from './schema-references.ts'

/** A schema, or a part of one, that says something. */
type Schema = Readonly<Record<string, unknown>>

/** What all schemas that apply there ask at one place of a value. */
interface Place {
  questions: number
  /** Steps for each character of a text there, and of the key under which it stands. */
  perCharacter: number
  /** The same for each character of the keys inside. */
  perCharacterOfKeys: number
  /** Undefined: nothing is asked there. */
  ofKey(key: string): Place | undefined
  ofItem(position: number): Place | undefined
}

export interface Steps {
  all: number
  /** Those that may each find a fault. */
  questions: number
}

/** Places of a schema that are kept for the next value; others are made anew each time. */
const placesMax = 10_000

/**
 * How many steps the check of a value takes at most, counted until they are more than `max`: one for each question that a
 * schema asks of a value, and one for each state that a pattern may be in at a character of a text. Counting takes time in
 * proportion to the value alone.
 */
export function stepCounter(root: object): (value: unknown, max: number) => Steps {
  const top = createPlaces(root)
  return (value, max) => {
    const steps: Steps = { all: 0, questions: 0 }
    const walk = (value: unknown, place: Place | undefined, keyLength: number) => {
      if (!place || steps.all > max) return
      const length = keyLength + (typeof value === 'string' ? value.length : 0)
      steps.questions += place.questions
      steps.all += place.questions + length * place.perCharacter
      if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, place.ofItem(i), 0)
      else if (typeof value === 'object' && value !== null)
        for (const [key, one] of Object.entries(value)) {
          steps.all += key.length * place.perCharacterOfKeys
          walk(one, place.ofKey(key), key.length)
        }
    }
    walk(value, top, 0)
    return steps
  }
}

function createPlaces(root: object): Place | undefined {
  let kept = 0
  const placeOf = (some: readonly unknown[]): Place | undefined => {
    const schemas = some.flatMap((one) => besideOf(root, one))
    if (schemas.length === 0) return undefined
    const names = new Set(schemas.flatMap(({ properties }) => Object.keys(properties ?? {})))
    const positions = Math.max(...schemas.map(({ items }) => (Array.isArray(items) ? items.length : 0)))
    const known = new Map<string | number | undefined, Place | undefined>()
    const find = (name: string | number | undefined, ask: (schema: Schema) => unknown[]) => {
      if (known.has(name)) return known.get(name)
      const place = placeOf(schemas.flatMap(ask))
      if (kept++ < placesMax) known.set(name, place)
      return place
    }
    return {
      questions: sum(schemas.map(questionsOf)),
      perCharacter: sum(schemas.map(perCharacterOf)),
      perCharacterOfKeys: sum(schemas.map(perCharacterOfKeysOf)),
      ofKey: (key) => {
        const name = names.has(key) ? key : undefined
        return find(name, (schema) => ofProperty(schema, name))
      },
      ofItem: (position) => find(Math.min(position, positions), (schema) => ofItem(schema, position)),
    }
  }
  return placeOf([root])
}

/** A schema with all those that ask the same value: what it refers to, and what it is put together of. */
function besideOf(root: object, schema: unknown): Schema[] {
  if (typeof schema === 'boolean') return [{ [`${schema}`]: schema }]
  if (!isSchema(schema)) return []
  const { $ref, allOf, anyOf, oneOf, not, if: given, then, else: otherwise, dependencies } = schema
  const parts = [allOf, anyOf, oneOf, [not, given, then, otherwise], valuesOf(dependencies)].flatMap(listOf)
  const referred = typeof $ref === 'string' ? [targetOf(root, $ref)] : []
  return [schema, ...[...referred, ...parts].flatMap((one) => besideOf(root, one))]
}

/** `name`: one of those that schemas have here. */
function ofProperty(schema: Schema, name: string | undefined): unknown[] {
  const { properties, patternProperties, additionalProperties, propertyNames } = schema
  const own = name !== undefined && isSchema(properties) && Object.hasOwn(properties, name)
  return [own ? properties[name] : additionalProperties, propertyNames, ...valuesOf(patternProperties)]
}

function ofItem({ items, additionalItems, contains }: Schema, position: number): unknown[] {
  const own = Array.isArray(items) ? (position < items.length ? items[position] : additionalItems) : items
  return [own, contains]
}

/** One for each keyword; of some that ask more, as many. */
function questionsOf(schema: Schema): number {
  const { required, properties, dependencies } = schema
  const lists = [required, ...valuesOf(dependencies)].map((list) => listOf(list).length)
  return Object.keys(schema).length + sum(lists) + valuesOf(properties).length + nodesIn(schema.const)
}

function perCharacterOf({ pattern, format, minLength, maxLength }: Schema): number {
  const plain = [format, minLength, maxLength].filter((keyword) => keyword !== undefined).length
  return plain + (typeof pattern === 'string' ? linearPattern(pattern).states : 0)
}

/** Where patterns say which properties are left, each key is looked at twice. */
function perCharacterOfKeysOf({ patternProperties, additionalProperties }: Schema): number {
  const states = Object.keys(patternProperties ?? {}).map((pattern) => linearPattern(pattern).states)
  return sum(states) * (additionalProperties === undefined ? 1 : 2)
}

/** Beside itself. */
function nodesIn(value: unknown): number {
  return typeof value === 'object' && value !== null ? sum(Object.values(value).map((one) => 1 + nodesIn(one))) : 0
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function valuesOf(value: unknown): unknown[] {
  return isSchema(value) ? Object.values(value) : []
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
