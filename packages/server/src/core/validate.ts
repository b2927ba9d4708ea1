import type { ErrorDetails } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import { discriminatedIn, narrowed } from './discriminated.ts'
import { expectationOf, type Node, oneOf } from './expectation.ts'
import { fail } from './failure.ts'
import { nearest } from './nearest.ts'
import type { Fault } from './value.ts'

const errorsListed = 20
/** One fault of a union is several errors to the compiler. */
const errorsFound = errorsListed * 4
const nameLengthShown = 128

/**
 * A function that passes valid input through, or throws INVALID_REQUEST naming each fault, up to twenty, and what would be
 * right in its place. It compiles the schema at its first call, once.
 */
export function validator(schema: TSchema, what: string): (input: unknown) => unknown {
  let made: ReturnType<typeof compiled> | undefined
  return (input) => {
    made ??= compiled(schema)
    if (made.checks.Check(input)) return input
    const { found, faults: of } = narrowed(made.unions, input, made.checks.Errors(input))
    throw fail('INVALID_REQUEST', faults(schema, found, of), { message: `Invalid ${what}` })
  }
}

function compiled(schema: TSchema) {
  const checks = Compile(schema)
  Settings.Set({ maxErrors: errorsFound })
  return { checks, unions: discriminatedIn(schema) }
}

type SchemaError = ReturnType<ReturnType<typeof Compile>['Errors']>[number]

function faults(schema: TSchema, found: readonly SchemaError[], known: readonly Fault[]): ErrorDetails {
  const errors = new Map(known.map((one) => [one.field, one]))
  for (const error of found) {
    for (const fault of faultsOf(schema, error, found)) {
      if (errors.size >= errorsListed) break
      if (!errors.has(fault.field)) errors.set(fault.field, fault)
    }
  }
  const listed = errors.size > 0 ? [...errors.values()] : [{ field: 'body', issue: 'is not valid' }]
  return { ...listed[0]!, errors: listed }
}

function* faultsOf(schema: TSchema, error: SchemaError, all: readonly SchemaError[]): Generator<Fault> {
  const path = error.instancePath.slice(1).split('/').map(unescapePointer)
  const field = path.join('.')
  const within = (key: string) => shown(field === '' ? key : `${field}.${key}`)
  switch (error.keyword) {
    case 'required':
      for (const key of error.params.requiredProperties) yield { field: within(key), issue: 'is required' }
      return
    case 'boolean': {
      const parent = nodeAt(schema, error.schemaPath.replace(/\/additionalProperties$/, ''))
      yield { field: shown(field), issue: unknownField(parent, path.at(-1)!) }
      return
    }
    case 'additionalProperties':
      // Each of them came as the `false` that forbids it.
      return
    default: {
      const union = error.schemaPath.replace(/(\/anyOf\/\d+)+$/, '')
      const isUnion = union !== error.schemaPath || error.keyword === 'anyOf'
      // An arm that fits so far tells the fault inside of it, which says more than the union as a whole.
      if (isUnion && all.some(({ instancePath }) => instancePath.startsWith(`${error.instancePath}/`))) return
      const issue = `must be ${expectationOf(nodeAt(schema, union))}`
      yield { field: field === '' ? 'body' : shown(field), issue }
    }
  }
}

function unknownField({ properties, patternProperties }: Node, key: string): string {
  if (patternProperties) return `the name must match ${Object.keys(patternProperties).join(' or ')}`
  const known = Object.keys(properties ?? {})
  if (known.length === 0) return 'is not a known field: none is expected'
  const meant = nearest(key, known)
  return meant === undefined
    ? `is not a known field: expected ${oneOf(known)}`
    : `is not a known field: did you mean ${meant}?`
}

function nodeAt(schema: TSchema, schemaPath: string): Node {
  const steps = schemaPath.split('/').slice(1).map(unescapePointer)
  return steps.reduce<unknown>((node, step) => (node as Record<string, unknown>)[step], schema) as Node
}

function shown(field: string): string {
  return field.length > nameLengthShown ? `${field.slice(0, nameLengthShown)}…` : field
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}
