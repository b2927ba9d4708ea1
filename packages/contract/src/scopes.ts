import Type, { type Static } from 'typebox'

/** The specification's seven scopes; `admin` implies all others. */
export const scopes = [
  'telemetry:read',
  'telemetry:write',
  'command:execute',
  'task:read',
  'task:write',
  'ai:coordinate',
  'admin',
] as const

export const Scope = Type.Enum(scopes)
export type Scope = Static<typeof Scope>
