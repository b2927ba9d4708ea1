import { type EventType, eventScopes, eventTypes, type Scope } from '@nexus/contract'
import { holds, type Principal } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { nearest } from '../core/nearest.ts'

const listedMax = 50

/**
 * The types that a list asks for and a key may see: exact names and `task.*`; undefined: all. A type that is named needs
 * its scope, else FORBIDDEN; patterns narrow to what the key may see. INVALID_REQUEST for what names no type.
 */
export function readTopics(list: string | undefined, principal: Principal, field: string): EventType[] {
  const permitted = eventTypes.filter((type) => holds(principal, scopeOf(type)))
  if (list === undefined) return permitted
  const asked = list.split(',').map((part) => part.trim())
  if (asked.length > listedMax) throw invalid(field, `has more than ${listedMax} types`)
  return [...new Set(asked.flatMap((name) => typesNamed(name, principal, permitted, field)))]
}

function typesNamed(name: string, principal: Principal, permitted: readonly EventType[], field: string): EventType[] {
  if (name === '*') return [...permitted]
  if (name.endsWith('.*')) {
    const prefix = name.slice(0, -1)
    if (!eventTypes.some((type) => type.startsWith(prefix))) throw unknown(name, field)
    return permitted.filter((type) => type.startsWith(prefix))
  }
  const type = eventTypes.find((type) => type === name)
  if (!type) throw unknown(name, field)
  const scope = scopeOf(type)
  if (!holds(principal, scope))
    throw fail('FORBIDDEN', { field, required_scope: scope, issue: `${type} needs the scope ${scope}` })
  return [type]
}

/** What a key must hold to see events of a type. */
export function scopeOf(type: EventType): Scope {
  return eventScopes[type.split('.', 1)[0] as keyof typeof eventScopes]
}

function unknown(name: string, field: string) {
  const meant = nearest(name, eventTypes)
  const hint = meant === undefined ? 'expected one such as telemetry.alert or task.*' : `did you mean ${meant}?`
  return invalid(field, `names no type of event (${name.slice(0, 64)}): ${hint}`)
}
