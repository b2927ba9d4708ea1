import { invalid } from './failure.ts'

/** Tells whether an event is wanted, by what it says. */
export type Matches = (data: object) => boolean

const filterLeavesMax = 32
const filterDepthMax = 5
const pathLengthMax = 256
export const pathPartsMax = 8
const listMax = 100

type Test = (value: unknown) => boolean
type Scalar = string | number | boolean | null

/**
 * Compiles a filter, so that nothing of it is interpreted when an event comes. The one grammar of streams, webhooks and
 * event-driven tasks: an object of paths and conditions that must all hold.
 *
 * - a path names a field of the event, `tags.region` one inside of another, for which `{"tags": {"region": ...}}` may be
 *   written too; names with dots in them are found;
 * - a condition is a value, a list (any of them), or an object of `$eq $ne $in $nin $gt $gte $lt $lte $exists $prefix $not`;
 * - `$and` and `$or` take lists of filters, `$not` takes one.
 *
 * A field that is missing equals nothing; a field that is a list has each of its elements for a value. Order is told between
 * numbers and between texts (by code units), and no others. At most 32 conditions, five levels deep, eight parts a path. Throws
 * INVALID_REQUEST with the path of what is wrong, below `field`.
 */
export function compileFilter(filter: unknown, field = 'filters'): Matches {
  return new Compiler().filter(filter, field, 1)
}

/**
 * Of a filter that compiles: the texts of which a field must have one, where it says so by itself (`{"device_id":"d1"}`, a
 * list, `$eq` or `$in`). Undefined: it says no such thing, or not so plainly.
 */
export function textsRequired(filter: object, path: string): string[] | undefined {
  const condition: unknown = Object.hasOwn(filter, path) ? filter[path as keyof typeof filter] : undefined
  const isObject = typeof condition === 'object' && condition !== null && !Array.isArray(condition)
  const { $eq, $in } = (isObject ? condition : { $in: condition }) as { $eq?: unknown; $in?: unknown }
  const texts = [$eq ?? $in].flat()
  return texts.every((text) => typeof text === 'string') ? texts : undefined
}

class Compiler {
  #leaves = 0

  filter(value: unknown, field: string, depth: number): Matches {
    const entries = Object.entries(this.#object(value, field, depth))
    return every(entries.map(([key, condition]) => this.#entry(key, condition, `${field}.${key}`, depth)))
  }

  #entry(key: string, condition: unknown, field: string, depth: number): Matches {
    switch (key) {
      case '$and':
        return every(this.#filters(condition, field, depth))
      case '$or':
        return some(this.#filters(condition, field, depth))
      case '$not':
        return not(this.filter(condition, field, depth + 1))
      default:
        return this.#path(key, condition, field, depth)
    }
  }

  #filters(value: unknown, field: string, depth: number): Matches[] {
    if (!Array.isArray(value) || value.length === 0) throw invalid(field, 'must be a list of filters, at least one')
    return value.map((filter, i) => this.filter(filter, `${field}.${i}`, depth + 1))
  }

  #path(path: string, condition: unknown, field: string, depth: number): Matches {
    if (path.startsWith('$')) throw invalid(field, 'is no operator here: expected a path, $and, $or or $not')
    if (path === '' || path.length > pathLengthMax) throw invalid(field, `must have 1 to ${pathLengthMax} characters`)
    if (path.split('.').length > pathPartsMax) throw invalid(field, `has more than ${pathPartsMax} parts`)
    if (namesFields(condition)) {
      const inner = Object.entries(this.#object(condition, field, depth + 1))
      return every(inner.map(([key, inside]) => this.#path(`${path}.${key}`, inside, `${field}.${key}`, depth + 1)))
    }
    return at(path, this.#condition(condition, field, depth))
  }

  #condition(condition: unknown, field: string, depth: number): Test {
    if (Array.isArray(condition)) return this.#operator('$in', condition, field, depth)
    if (typeof condition !== 'object' || condition === null) return this.#operator('$eq', condition, field, depth)
    const entries = Object.entries(this.#object(condition, field, depth + 1))
    if (entries.length === 0) throw invalid(field, 'must hold at least one operator')
    return every(
      entries.map(([operator, operand]) => this.#operator(operator, operand, `${field}.${operator}`, depth + 1)),
    )
  }

  #operator(operator: string, operand: unknown, field: string, depth: number): Test {
    if (operator === '$not') return not(this.#condition(operand, field, depth))
    if (++this.#leaves > filterLeavesMax)
      throw invalid(field, `is one condition more than the ${filterLeavesMax} allowed`)
    switch (operator) {
      case '$eq':
        return anyOf([scalar(operand, field)])
      case '$ne':
        return not(anyOf([scalar(operand, field)]))
      case '$in':
        return anyOf(scalars(operand, field))
      case '$nin':
        return not(anyOf(scalars(operand, field)))
      case '$exists':
        if (typeof operand !== 'boolean') throw invalid(field, 'must be true or false')
        return exists(operand)
      case '$prefix':
        if (typeof operand !== 'string') throw invalid(field, 'must be a string')
        return startsWith(operand)
      case '$gt':
        return ordered(operand, field, (order) => order > 0)
      case '$gte':
        return ordered(operand, field, (order) => order >= 0)
      case '$lt':
        return ordered(operand, field, (order) => order < 0)
      case '$lte':
        return ordered(operand, field, (order) => order <= 0)
      default:
        throw invalid(field, `is no operator: expected one of ${operators.join(', ')}`)
    }
  }

  #object(value: unknown, field: string, depth: number): object {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(field, 'must be an object')
    if (depth > filterDepthMax) throw invalid(field, `is nested deeper than ${filterDepthMax} levels`)
    return value
  }
}

/** An object of names, not of operators. */
function namesFields(condition: unknown): boolean {
  if (typeof condition !== 'object' || condition === null || Array.isArray(condition)) return false
  const keys = Object.keys(condition)
  return keys.length > 0 && !keys.some((key) => key.startsWith('$'))
}

const operators = ['$eq', '$ne', '$in', '$nin', '$gt', '$gte', '$lt', '$lte', '$exists', '$prefix', '$not']

function scalar(value: unknown, field: string): Scalar {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  throw invalid(field, 'must be a string, a number, true, false or null')
}

function scalars(value: unknown, field: string): Scalar[] {
  if (!Array.isArray(value)) throw invalid(field, 'must be a list')
  if (value.length > listMax) throw invalid(field, `has more than ${listMax} values`)
  return value.map((each, i) => scalar(each, `${field}.${i}`))
}

// Filters are kept by the thousand. What makes their parts stands out here, for a closure keeps every variable around it.

type Check<T> = (value: T) => boolean

function every<T>(checks: readonly Check<T>[]): Check<T> {
  return checks.length === 1 ? checks[0]! : (value) => checks.every((check) => check(value))
}

function some<T>(checks: readonly Check<T>[]): Check<T> {
  return checks.length === 1 ? checks[0]! : (value) => checks.some((check) => check(value))
}

function not<T>(check: Check<T>): Check<T> {
  return (value) => !check(value)
}

function at(path: string, test: Test): Matches {
  return path.includes('.') ? inside(namesIn(path), test) : (data) => test(own(data, path))
}

/** Reads what a path names in an object, as filters do; undefined: nothing. At most eight parts. */
export function pathReader(path: string): (data: object) => unknown {
  const names = namesIn(path)
  return (data) => descend(names, data, 0)
}

function inside(names: readonly Name[][], test: Test): Matches {
  return (data) => test(descend(names, data, 0))
}

function anyOf(values: readonly Scalar[]): Test {
  return values.length === 1 ? only(values[0]!) : ofEach(oneOf(new Set(values)))
}

function only(wanted: Scalar): Test {
  return (value) => (Array.isArray(value) ? value.includes(wanted) : value === wanted)
}

function oneOf(wanted: ReadonlySet<unknown>): Test {
  return (value) => wanted.has(value)
}

function exists(wanted: boolean): Test {
  return (value) => (value !== undefined) === wanted
}

function startsWith(prefix: string): Test {
  return ofEach((value) => typeof value === 'string' && value.startsWith(prefix))
}

function ordered(operand: unknown, field: string, holds: (order: number) => boolean): Test {
  if (typeof operand !== 'number' && typeof operand !== 'string') throw invalid(field, 'must be a number or a string')
  return comparesTo(operand, holds)
}

function comparesTo(operand: number | string, holds: (order: number) => boolean): Test {
  return ofEach((value) => typeof value === typeof operand && holds(compare(value as typeof operand, operand)))
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function ofEach(test: Test): Test {
  return (value) => (Array.isArray(value) ? value.some(test) : test(value))
}

/** A name in a path, and the part after it. */
interface Name {
  name: string
  to: number
}

/** By where a name begins: every name that begins there, the longest first. */
function namesIn(path: string): Name[][] {
  const parts = path.split('.')
  return parts.map((_, from) =>
    parts.slice(from).map((_, shorter) => {
      const to = parts.length - shorter
      return { name: parts.slice(from, to).join('.'), to }
    }),
  )
}

/**
 * Reads what a path names. Names may have dots of their own, as metrics do: `metrics.cpu.load` is the `load` of `cpu`, or
 * else `cpu.load`; the longer name goes first.
 */
function descend(names: readonly Name[][], data: unknown, from: number): unknown {
  for (const { name, to } of names[from]!) {
    const value = own(data, name)
    const found = value === undefined || to === names.length ? value : descend(names, value, to)
    if (found !== undefined) return found
  }
  return undefined
}

function own(data: unknown, name: string): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || !Object.hasOwn(data, name)) return undefined
  return (data as Record<string, unknown>)[name]
}
