import Type, { type Static } from 'typebox'

/**
 * The specification's seven scopes, of which `admin` implies all others; and `command:execute` narrowed to a category of
 * commands.
 */
export const scopes = [
  'telemetry:read',
  'telemetry:write',
  'command:execute',
  'command:execute:system',
  'command:execute:service',
  'command:execute:data',
  'command:execute:diagnostic',
  'command:execute:custom',
  'task:read',
  'task:write',
  'ai:coordinate',
  'admin',
] as const

export const Scope = Type.Enum(scopes)
export type Scope = Static<typeof Scope>
