import { keyPattern, telemetryLimits } from '@nexus/contract'
import { type Fault, fault, textFault, valueFault } from './value.ts'

export type Tags = Readonly<Record<string, string>>
export type Metadata = Readonly<Record<string, unknown>>

const { tagsMax, keyLengthMax } = telemetryLimits
const key = new RegExp(keyPattern)
const keys = new Set<string>()
const keysKnownMax = 100_000

/** Why tags can't be taken, without throwing; `undefined` if all is well. */
export function tagsFault(tags: unknown): Fault | undefined {
  if (!isRecord(tags)) return fault('tags', 'must be an object of strings')
  let count = 0
  for (const name in tags) {
    if (++count > tagsMax) return fault('tags', `has more than ${tagsMax} tags`)
    const value = tags[name]
    if (typeof value !== 'string') return fault(`tags.${name}`, 'must be a string')
    const bad = keyFault('tags', name) ?? textFault(`tags.${name}`, value)
    if (bad) return bad
  }
  return undefined
}

export function metadataFault(metadata: unknown): Fault | undefined {
  if (!isRecord(metadata)) return fault('metadata', 'must be an object')
  let count = 0
  for (const name in metadata) {
    if (++count > tagsMax) return fault('metadata', `has more than ${tagsMax} keys`)
    const bad = keyFault('metadata', name) ?? valueFault(`metadata.${name}`, metadata[name], 1)
    if (bad) return bad
  }
  return undefined
}

/** Names repeat from frame to frame, so those that passed are remembered. */
export function keyFault(within: string, name: string): Fault | undefined {
  if (keys.has(name)) return undefined
  if (name.length > keyLengthMax)
    return fault(`${within}.${name.slice(0, 32)}…`, `the name has more than ${keyLengthMax} characters`)
  if (name === '__proto__') return fault(`${within}.${name}`, 'is a reserved name')
  if (!key.test(name)) return fault(`${within}.${name}`, `the name must match ${keyPattern}`)
  if (keys.size >= keysKnownMax) keys.clear()
  keys.add(name)
  return undefined
}

/** Whether two sets say the same, in whatever order. */
export function sameTags(a: Tags, b: Tags): boolean {
  if (a === b) return true
  let more = 0
  for (const name in a) {
    if (a[name] !== b[name]) return false
    more++
  }
  for (const _ in b) more--
  return more === 0
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
