import type { TSchema } from 'typebox'
import { oneOf } from './expectation.ts'
import { isRecord } from './labels.ts'
import { type Fault, fault } from './value.ts'

/** A union of objects that a field `type` tells apart. */
interface Discriminated {
  path: readonly string[]
  schemaPath: string
  types: readonly unknown[]
}

/** Those among the fields of a schema. */
export function discriminatedIn(schema: TSchema, path: readonly string[] = [], schemaPath = '#'): Discriminated[] {
  const { anyOf, properties = {} } = schema as { anyOf?: TSchema[]; properties?: Record<string, TSchema> }
  const types = (anyOf ?? []).map(
    (arm) => (arm as { properties?: { type?: { const?: unknown } } }).properties?.type?.const,
  )
  if (types.length > 1 && !types.includes(undefined)) return [{ path, schemaPath, types }]
  return Object.entries(properties).flatMap(([name, field]) =>
    discriminatedIn(field, [...path, name], `${schemaPath}/properties/${name}`),
  )
}

/** Leaves of what is found wrong what is about the arm that is meant; where none is, that is the fault. */
export function narrowed<Found extends { schemaPath: string }>(
  unions: readonly Discriminated[],
  input: unknown,
  found: readonly Found[],
): { found: Found[]; faults: Fault[] } {
  const faults: Fault[] = []
  let left = [...found]
  for (const { path, schemaPath, types } of unions) {
    const value = path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), input)
    if (!isRecord(value)) continue
    const arm = types.indexOf(value.type)
    const isWithin = (error: Found) =>
      error.schemaPath === schemaPath || error.schemaPath.startsWith(`${schemaPath}/anyOf`)
    if (arm === -1 && left.some(isWithin))
      faults.push(fault([...path, 'type'].join('.'), `must be ${oneOf(types.map(String))}`))
    const meant = `${schemaPath}/anyOf/${arm}`
    // What is missing in the arm is told of the arm itself.
    const isMeant = (error: Found) => error.schemaPath === meant || error.schemaPath.startsWith(`${meant}/`)
    left = left.filter((error) => !isWithin(error) || isMeant(error))
  }
  return { found: left, faults }
}
