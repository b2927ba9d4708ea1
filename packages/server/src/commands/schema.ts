import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats, { type FormatName } from 'ajv-formats'
import { invalid } from '../core/failure.ts'
import { memoize } from '../core/memoize.ts'
import { useLinearKeywords } from './linear-keywords.ts'
import { linearPattern } from './linear-pattern.ts'
import { referenceFault } from './schema-references.ts'

const errorsListed = 20
const compiledMax = 1000
/** Of a value with no more parts all faults are looked for, of a larger one the first: each is an object. */
const partsMax = 200
/** Those that take time in proportion to the text, whatever it is: `url` and `regex` do not. */
const formats: FormatName[] = [
  ...(['date', 'time', 'date-time', 'duration', 'uri', 'uri-reference', 'email', 'hostname'] as const),
  ...(['ipv4', 'ipv6', 'uuid', 'json-pointer', 'int32', 'int64', 'float', 'double'] as const),
]

interface Fault {
  field: string
  issue: string
}

/**
 * Checks that a client's JSON Schema (draft-07) is one, and may be used; see `referenceFault`. Who makes one may do anything;
 * what is checked against it comes from anybody. Errors: VALIDATION_ERROR.
 */
export function checkSchema(schema: object, field: string): void {
  const fault = referenceFault(schema)
  if (fault !== undefined) throw invalid(field, fault.slice(0, 512), 'VALIDATION_ERROR')
  try {
    const { all, first } = compile(schema)
    all()
    first()
  } catch (cause) {
    throw invalid(field, `is no JSON Schema: ${(cause as Error).message.slice(0, 512)}`, 'VALIDATION_ERROR')
  }
}

/** What of a value is against a schema; none: nothing. Of a large value the first fault alone. */
export function schemaFaults(schema: object, value: unknown, within: string): Fault[] {
  const { all, first } = compile(schema)
  const check = isLarge(value) ? first() : all()
  if (check(value)) return []
  return (check.errors ?? []).slice(0, errorsListed).map((error) => ({
    field: fieldOf(error, within),
    issue: error.message ?? 'is not valid',
  }))
}

function isLarge(value: unknown): boolean {
  const open = [value]
  for (let parts = 0; open.length > 0; parts++) {
    const one = open.pop()
    const inner = typeof one === 'object' && one !== null ? Object.values(one) : []
    if (parts + open.length + inner.length > partsMax) return true
    open.push(...inner)
  }
  return false
}

/**
 * The same for a part of an object, such as defaults that a request completes: what is said of the object as a whole is not
 * asked.
 */
export function partFaults(schema: object, value: object, within: string): Fault[] {
  return schemaFaults(Object.fromEntries(Object.entries(schema).filter(([key]) => !ofTheWhole.has(key))), value, within)
}

const ofTheWhole = new Set([
  ...['required', 'minProperties', 'dependencies', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', '$ref'],
])

interface Compiled {
  /** Finds all faults. */
  all(): ValidateFunction
  /** Stops at the first. */
  first(): ValidateFunction
}

function compile(schema: object): Compiled {
  return compileText(JSON.stringify(schema))
}

const compileText = memoize(compiledMax, (text): Compiled => {
  const schema = JSON.parse(text)
  return { all: once(() => validator(schema, true)), first: once(() => validator(schema, false)) }
})

function validator(schema: object, allErrors: boolean): ValidateFunction {
  const ajv = new Ajv({
    allErrors,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    addUsedSchema: false,
    // What is referred to often is compiled once.
    inlineRefs: false,
    code: { regExp: Object.assign(linearPattern, { code: '' }) },
  })
  addFormats.default(ajv, formats)
  useLinearKeywords(ajv)
  return ajv.compile(schema)
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function fieldOf({ instancePath, params }: ErrorObject, within: string): string {
  const path = instancePath.split('/').slice(1)
  const missing = (params as { missingProperty?: string; additionalProperty?: string }).missingProperty
  const stray = (params as { additionalProperty?: string }).additionalProperty
  return [within, ...path, ...((missing ?? stray) ? [missing ?? stray!] : [])].join('.').slice(0, 256)
}
