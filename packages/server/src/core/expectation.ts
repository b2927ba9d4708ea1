import type { TSchema } from 'typebox'

/** What of JSON Schema the contract is written in. */
export type Node = TSchema & {
  type?: string
  enum?: readonly unknown[]
  const?: unknown
  anyOf?: readonly Node[]
  properties?: Readonly<Record<string, Node>>
  patternProperties?: Readonly<Record<string, Node>>
  format?: string
  pattern?: string
  description?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  minItems?: number
  maxItems?: number
  minProperties?: number
  maxProperties?: number
}

const valuesListed = 40

/** What would be right, to stand after "must be": `a whole number from 1 to 100`, `one of asc, desc`. */
export function expectationOf(schema: Node): string {
  const values = literalsOf(schema)
  if (values) return oneOf(values)
  if (schema.anyOf) return oneOfArms(schema.anyOf)
  switch (schema.type) {
    case 'string':
      return textExpected(schema)
    case 'integer':
      return `a whole number${range(schema.minimum, schema.maximum, 'from')}`
    case 'number':
      return `a number${range(schema.minimum, schema.maximum, 'from')}`
    case 'array':
      return `a list${range(schema.minItems, schema.maxItems, 'of', 'items')}`
    case 'object':
      return `a JSON object${range(schema.minProperties, schema.maxProperties, 'of', 'fields')}`
    case 'boolean':
      return 'true or false'
    case 'null':
      return 'null'
    default:
      return 'valid'
  }
}

/** Objects that a field `type` tells apart are told by that. */
function oneOfArms(arms: readonly Node[]): string {
  const typeOf = (arm: Node) => arm.properties?.type?.const
  const types = arms.map(typeOf).filter((type) => type !== undefined)
  const others = arms.filter((arm) => typeOf(arm) === undefined).map(expectationOf)
  const told = types.length > 1 ? [`a JSON object whose type is ${oneOf(types)}`, ...others] : arms.map(expectationOf)
  return [...new Set(told)].join(', or ')
}

/** The values of an enum, a constant or a union of them; undefined for any other schema. */
function literalsOf(schema: Node): readonly unknown[] | undefined {
  if (schema.enum) return schema.enum
  if ('const' in schema) return [schema.const]
  const arms = schema.anyOf?.map(literalsOf)
  return arms?.every((arm) => arm !== undefined) ? arms.flat() : undefined
}

export function oneOf(values: readonly unknown[]): string {
  const listed = values.slice(0, valuesListed).map(String).join(', ')
  if (values.length === 1) return listed
  return `one of ${listed}${values.length > valuesListed ? `, and ${values.length - valuesListed} more` : ''}`
}

function textExpected({ format, pattern, description, minLength, maxLength }: Node): string {
  if (format === 'date-time') return 'an instant in ISO 8601 with an offset, as in 2025-11-03T01:53:54.518Z'
  const size = range(minLength, maxLength, 'of', 'characters')
  if (description !== undefined) return `a text${size}: ${description.charAt(0).toLowerCase()}${description.slice(1)}`
  if (pattern !== undefined) return `a text${size} that matches ${pattern}`
  return `a text${size}`
}

function range(min: number | undefined, max: number | undefined, before: 'from' | 'of', unit?: string): string {
  const what = unit === undefined ? '' : ` ${unit}`
  // No count is below zero; a number may be.
  const least = unit !== undefined && min === 0 ? undefined : min
  if (least !== undefined && max !== undefined) return ` ${before} ${least} to ${max}${what}`
  if (least !== undefined) return ` of at least ${least}${what}`
  return max === undefined ? '' : ` of at most ${max}${what}`
}
