import type { ErrorDetails } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { fail } from './failure.ts'

const errorsListed = 20

/** Compiles a schema once to a function that passes valid input through, or throws INVALID_REQUEST naming each fault. */
export function validator(schema: TSchema, what: string): (input: unknown) => unknown {
  const compiled = Compile(schema)
  return (input) => {
    if (compiled.Check(input)) return input
    throw fail('INVALID_REQUEST', faults(compiled.Errors(input)), { message: `Invalid ${what}` })
  }
}

type SchemaError = ReturnType<ReturnType<typeof Compile>['Errors']>[number]

function faults(found: readonly SchemaError[]): ErrorDetails {
  const errors: { field: string; issue: string }[] = []
  for (const error of found.flatMap(toFaults)) {
    if (errors.length < errorsListed && !errors.some((known) => known.field === error.field)) errors.push(error)
  }
  const [first] = errors
  return first ? { field: first.field, issue: first.issue, errors } : { field: '', issue: 'is not valid', errors }
}

/** Unions report each arm and then themselves; the arms are left out, for the whole says it better. */
function toFaults(error: SchemaError): { field: string; issue: string }[] {
  const field = error.instancePath.slice(1).split('/').map(unescapePointer).join('.')
  const within = (key: string) => (field === '' ? key : `${field}.${key}`)
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((key) => ({ field: within(key), issue: 'is required' }))
    case 'additionalProperties':
      return error.params.additionalProperties.map((key) => ({ field: within(key), issue: 'is not a known field' }))
    case 'boolean':
      return []
    default:
      return [{ field: field === '' ? 'body' : field, issue: error.message }]
  }
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}
