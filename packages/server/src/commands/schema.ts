import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { RE2JS } from 're2js'
import { invalid } from '../core/failure.ts'
import { remembered } from '../core/remembered.ts'
import { useLinearKeywords } from './linear-keywords.ts'
import { referenceFault } from './schema-references.ts'

const errorsListed = 20
const compiledMax = 1000

interface Fault {
  field: string
  issue: string
}

/** Checks that a client's JSON Schema (draft-07) is one, and may be used; see `referenceFault`. Errors: VALIDATION_ERROR. */
export function checkSchema(schema: object, field: string): void {
  const fault = referenceFault(schema)
  if (fault !== undefined) throw invalid(field, fault.slice(0, 512), 'VALIDATION_ERROR')
  try {
    compile(schema)
  } catch (cause) {
    throw invalid(field, `is no JSON Schema: ${(cause as Error).message.slice(0, 512)}`, 'VALIDATION_ERROR')
  }
}

/** What of a value is against a schema; none: nothing. */
export function schemaFaults(schema: object, value: unknown, within: string): Fault[] {
  const check = compile(schema)
  if (check(value)) return []
  return (check.errors ?? []).slice(0, errorsListed).map((error) => ({
    field: fieldOf(error, within),
    issue: error.message ?? 'is not valid',
  }))
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

function compile(schema: object): ValidateFunction {
  return compileText(JSON.stringify(schema))
}

const compileText = remembered(compiledMax, (text): ValidateFunction => {
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    addUsedSchema: false,
    code: { regExp: Object.assign(linear, { code: '' }) },
  })
  addFormats.default(ajv)
  useLinearKeywords(ajv)
  return ajv.compile(JSON.parse(text))
})

/** A pattern in linear time, whatever it is: a device or a client must not be able to stop the server by what it matches. */
function linear(pattern: string) {
  const compiled = RE2JS.compile(pattern)
  return { test: (text: string) => compiled.matcher(text).find() }
}

function fieldOf({ instancePath, params }: ErrorObject, within: string): string {
  const path = instancePath.split('/').slice(1)
  const missing = (params as { missingProperty?: string; additionalProperty?: string }).missingProperty
  const stray = (params as { additionalProperty?: string }).additionalProperty
  return [within, ...path, ...((missing ?? stray) ? [missing ?? stray!] : [])].join('.').slice(0, 256)
}
