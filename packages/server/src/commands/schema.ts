import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { invalid } from '../core/failure.ts'
import { remembered } from '../core/remembered.ts'
import { useLinearKeywords } from './linear-keywords.ts'
import { linearPattern } from './linear-pattern.ts'
import { referenceFault } from './schema-references.ts'
import { stepCounter } from './schema-steps.ts'

const errorsListed = 20
const compiledMax = 1000
/** What a check may take: some tenths of a second in the worst case, in which nobody else is served. */
const stepsMax = 10_000_000
/** All faults are looked for where there can be no more, else the first: each is an object. */
const faultsMax = 5000

interface Fault {
  field: string
  issue: string
}

/** Checks that a client's JSON Schema (draft-07) is one, and may be used; see `referenceFault`. Errors: VALIDATION_ERROR. */
export function checkSchema(schema: object, field: string): void {
  const fault = referenceFault(schema)
  if (fault !== undefined) throw invalid(field, fault.slice(0, 512), 'VALIDATION_ERROR')
  try {
    compile(schema).all()
  } catch (cause) {
    throw invalid(field, `is no JSON Schema: ${(cause as Error).message.slice(0, 512)}`, 'VALIDATION_ERROR')
  }
}

/**
 * What of a value is against a schema; none: nothing. Of a large value the first fault alone; one that would take too long to
 * check has that fault.
 */
export function schemaFaults(schema: object, value: unknown, within: string): Fault[] {
  const compiled = compile(schema)
  const steps = compiled.steps(value, stepsMax)
  if (steps.all > stepsMax) return [{ field: within, issue: tooMuch }]
  const check = steps.questions > faultsMax ? compiled.first() : compiled.all()
  if (check(value)) return []
  return (check.errors ?? []).slice(0, errorsListed).map((error) => ({
    field: fieldOf(error, within),
    issue: error.message ?? 'is not valid',
  }))
}

const tooMuch =
  `would take more than ${stepsMax} steps to check, one for each question of the schema to a value, ` +
  'and for each state of a pattern at a character: make the value smaller, or ask less of it'

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
  steps: ReturnType<typeof stepCounter>
  /** Finds all faults. */
  all(): ValidateFunction
  /** Stops at the first. */
  first(): ValidateFunction
}

function compile(schema: object): Compiled {
  return compileText(JSON.stringify(schema))
}

const compileText = remembered(compiledMax, (text): Compiled => {
  const schema = JSON.parse(text)
  const made = [false, true].map((allErrors) => once(() => validator(schema, allErrors)))
  return { steps: stepCounter(schema), first: made[0]!, all: made[1]! }
})

function validator(schema: object, allErrors: boolean): ValidateFunction {
  const ajv = new Ajv({
    allErrors,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    addUsedSchema: false,
    code: { regExp: Object.assign(linearPattern, { code: '' }) },
  })
  addFormats.default(ajv)
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
