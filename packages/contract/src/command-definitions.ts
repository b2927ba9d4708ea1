import Type, { type Static } from 'typebox'
import { approvalRules, commandCategories, commandLimits, deliveryOrders } from './command-policy.ts'
import { CommandName, CommandParameters } from './commands.ts'
import { operation } from './operation.ts'
import { Cursor, closed, PageLimit, Seconds, Timestamp } from './shapes.ts'

const JsonSchema = Type.Record(Type.String(), Type.Unknown(), {
  description: 'A JSON Schema (draft-07), at most 16 KiB',
})

const definitionFields = {
  category: Type.Enum(commandCategories),
  description: Type.Optional(Type.String({ maxLength: 1024, pattern: '^[^\\x00]*$' })),
  parameters_schema: Type.Optional(JsonSchema),
  result_schema: Type.Optional(JsonSchema),
  defaults: Type.Optional(
    Type.Object(
      {
        parameters: Type.Optional(CommandParameters),
        timeout_seconds: Type.Optional(Seconds(commandLimits.timeoutSecondsMax)),
        ttl_seconds: Type.Optional(Seconds(commandLimits.ttlSecondsMax)),
        max_attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: commandLimits.attemptsMax })),
        order: Type.Optional(Type.Enum(deliveryOrders)),
        approval: Type.Optional(Type.Enum(approvalRules)),
      },
      closed,
    ),
  ),
}

/** What is known of a command by its name. */
export const CommandDefinition = Type.Object({ name: CommandName, ...definitionFields, updated_at: Timestamp })
export type CommandDefinition = Static<typeof CommandDefinition>

const paging = { cursor: Type.Optional(Cursor), limit: Type.Optional(PageLimit) }
const reading = { effect: 'read', scope: 'command:execute', narrowable: true, rate: 'command' } as const
const named = { name: CommandName }

export const definitionsList = operation({
  ...reading,
  id: 'commands.definitions.list',
  summary: 'List the defined commands, by name',
  http: 'GET /v1/commands/definitions',
  input: Type.Object(paging, closed),
  output: Type.Object({ definitions: Type.Array(CommandDefinition), next_cursor: Type.Union([Cursor, Type.Null()]) }),
})

export const definitionsGet = operation({
  ...reading,
  id: 'commands.definitions.get',
  summary: 'Get the definition of a command',
  http: 'GET /v1/commands/definitions/{name}',
  input: Type.Object(named, closed),
  output: CommandDefinition,
  errors: ['NOT_FOUND'],
})

export const definitionsPut = operation({
  id: 'commands.definitions.put',
  summary: 'Define a command, or define it anew',
  effect: 'write',
  scope: 'admin',
  rate: 'command',
  http: 'PUT /v1/commands/definitions/{name}',
  input: Type.Object({ ...named, ...definitionFields }, closed),
  output: CommandDefinition,
  errors: ['VALIDATION_ERROR'],
})

export const definitionsDelete = operation({
  id: 'commands.definitions.delete',
  summary: 'Forget the definition of a command',
  effect: 'write',
  scope: 'admin',
  rate: 'command',
  http: 'DELETE /v1/commands/definitions/{name}',
  status: 204,
  input: Type.Object(named, closed),
  output: Type.Null(),
  errors: ['NOT_FOUND'],
})
