import Type, { type TSchema } from 'typebox'
import { nullable } from './shapes.ts'

/** A change by RFC 7396: what is null is removed, objects are merged, anything else is replaced. */
export type MergePatch<T, Kinds = T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: MergePatch<T[K]> | null } & { [K in Exclude<FieldOf<Kinds>, keyof T>]?: null }
    : T

type FieldOf<Kinds> = Kinds extends object ? keyof Kinds : never

/** What is read of schemas here; those of the contract have nothing else that says which fields an object has. */
interface ObjectSchema {
  type: 'object'
  properties?: Record<string, TSchema>
  patternProperties?: Record<string, TSchema>
  required?: readonly string[]
  additionalProperties?: boolean
  maxProperties?: number
  description?: string
}

/**
 * The schema of a merge patch: every field may be left out, and be null unless the whole could not be without it. Of several
 * kinds of objects it has the fields of all, since a change from one kind to another removes what the new one does not have.
 */
export function mergePatchOf(schema: TSchema): TSchema {
  const kinds = kindsOf(schema)
  if (kinds.length === 0) return schema
  const [first] = kinds as [ObjectSchema, ...ObjectSchema[]]
  const { description } = schema as { description?: string }
  const told = description === undefined ? {} : { description }
  if (first.patternProperties) return recordPatch(first, told)
  const fields = new Map<string, TSchema[]>()
  for (const { properties = {} } of kinds)
    for (const [name, field] of Object.entries(properties)) fields.set(name, [...(fields.get(name) ?? []), field])
  const isNeeded = (name: string) => kinds.every(({ required = [] }) => required.includes(name))
  const patches = [...fields].map(([name, of]) => {
    const patch = mergePatchOf(unionOf(of))
    return [name, Type.Optional(isNeeded(name) ? patch : nullable(patch))]
  })
  return Type.Object(Object.fromEntries(patches), { additionalProperties: first.additionalProperties ?? true, ...told })
}

/** The objects that it may be; none: it is replaced as a whole. */
function kindsOf(schema: TSchema): ObjectSchema[] {
  const { anyOf, type, properties, patternProperties } = schema as Partial<ObjectSchema> & { anyOf?: TSchema[] }
  if (anyOf) {
    const kinds = anyOf.map(kindsOf)
    return kinds.every(({ length }) => length > 0) ? kinds.flat() : []
  }
  return type === 'object' && (properties || patternProperties) ? [schema as unknown as ObjectSchema] : []
}

function unionOf(schemas: readonly TSchema[]): TSchema {
  const different = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()]
  return different.length === 1 ? different[0]! : Type.Union(different)
}

/** Old entries may be removed where new ones are added. */
function recordPatch({ type: _, patternProperties, maxProperties, ...more }: ObjectSchema, told: object): TSchema {
  const values = Object.entries(patternProperties!).map(([pattern, value]) => [pattern, nullable(value)])
  return Type.Unsafe({
    ...more,
    ...told,
    type: 'object',
    patternProperties: Object.fromEntries(values),
    ...(maxProperties !== undefined && { maxProperties: 2 * maxProperties }),
  })
}
