import { type CommandDefinition, commandLimits, type Input, type Output } from '@nexus/contract'
import { checkNumbers } from '../core/check-numbers.ts'
import { toIso } from '../core/clock.ts'
import type { Ctx, WriteCtx } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { decodeCursor, page } from '../core/paging.ts'
import { type CommandDeps, permittedCategories } from './deps.ts'
import { secondsAmong } from './policy.ts'
import type { DefinitionRecord } from './record.ts'
import { checkSchema, partFaults } from './schema.ts'

const limitDefault = 50

export async function listDefinitions(
  { store }: CommandDeps,
  { principal }: Ctx,
  { cursor, limit = limitDefault }: Input<'commands.definitions.list'>,
): Promise<Output<'commands.definitions.list'>> {
  const after = cursor === undefined ? undefined : (decodeCursor(cursor, ['string'])[0] as string)
  const categories = permittedCategories(principal.scopes)
  const { rows, next } = page(await store.definitions({ after, limit: limit + 1, categories }), limit, ({ name }) => [
    name,
  ])
  return { definitions: rows.map(shownDefinition), next_cursor: next }
}

/** Errors: NOT_FOUND. */
export async function getDefinition(
  { store }: CommandDeps,
  { principal }: Ctx,
  { name }: Input<'commands.definitions.get'>,
): Promise<CommandDefinition> {
  const found = await store.definition(name)
  if (!found || !permittedCategories(principal.scopes).includes(found.category)) throw noSuchDefinition(name)
  return shownDefinition(found)
}

/**
 * Commands that were submitted before keep what held then. Errors: VALIDATION_ERROR (a schema that is none, defaults that it
 * refuses), INVALID_REQUEST.
 */
export async function putDefinition(
  { store }: CommandDeps,
  ctx: WriteCtx,
  input: Input<'commands.definitions.put'>,
): Promise<CommandDefinition> {
  const { name, category, description = null, parameters_schema, result_schema, defaults = {} } = input
  checkBounded(parameters_schema, 'parameters_schema')
  checkBounded(result_schema, 'result_schema')
  checkDefaults(defaults.parameters ?? {}, parameters_schema)
  const preset = JSON.stringify(defaults)
  if (preset.length > commandLimits.parametersBytesMax)
    throw invalid('defaults', `has more than ${commandLimits.parametersBytesMax} bytes as JSON`)
  const definition: DefinitionRecord = {
    name,
    category,
    description,
    parametersSchema: parameters_schema ?? null,
    resultSchema: result_schema ?? null,
    defaults,
    updatedAt: ctx.now(),
  }
  await store.putDefinition(ctx.tx, definition)
  return shownDefinition(definition)
}

/** Errors: NOT_FOUND. */
export async function deleteDefinition(
  { store }: CommandDeps,
  ctx: WriteCtx,
  { name }: Input<'commands.definitions.delete'>,
): Promise<null> {
  if (!(await store.deleteDefinition(ctx.tx, name))) throw noSuchDefinition(name)
  return null
}

function checkBounded(schema: object | undefined, field: string): void {
  if (schema === undefined) return
  const bytes = Buffer.byteLength(JSON.stringify(schema))
  if (bytes > commandLimits.schemaBytesMax)
    throw invalid(field, `has ${bytes} bytes as JSON: at most ${commandLimits.schemaBytesMax}`)
  checkSchema(schema, field)
}

/** A request completes them, so that what it would have to say beside them may be missing. */
function checkDefaults(parameters: Record<string, unknown>, schema: object | undefined): void {
  checkNumbers('defaults.parameters', parameters)
  secondsAmong(parameters, 'defaults.parameters')
  const errors = schema ? partFaults(schema, parameters, 'defaults.parameters') : []
  const [first] = errors
  if (first) throw fail('VALIDATION_ERROR', { ...first, reason: 'against_definition', errors })
}

function shownDefinition(definition: DefinitionRecord): CommandDefinition {
  const { description, parametersSchema, resultSchema } = definition
  return {
    name: definition.name,
    category: definition.category,
    ...(description !== null && { description }),
    ...(parametersSchema && { parameters_schema: parametersSchema as Record<string, unknown> }),
    ...(resultSchema && { result_schema: resultSchema as Record<string, unknown> }),
    defaults: definition.defaults,
    updated_at: toIso(definition.updatedAt),
  }
}

function noSuchDefinition(name: string) {
  return fail('NOT_FOUND', { reason: 'no_such_definition', name })
}
