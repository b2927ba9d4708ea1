import { taskLimits } from '@nexus/contract'
import { invalid } from '../core/failure.ts'
import { isRecord } from '../core/labels.ts'

/**
 * What a template may name: `run.scheduled_for`, `parameters.x`, `deps.task-xyz.result.y`, `event.data.z`. Undefined: there is
 * no such value.
 */
export type Lookup = (path: readonly string[]) => unknown

/** What begins with two `$` is meant as it stands, without the first of them. */
const template = /\$?\$\{([^${}]*)\}/g
const isEscaped = (found: string) => found.startsWith('$$')
const roots = ['run', 'task', 'parameters', 'deps', 'event'] as const
const partsMax = 16
const nestingMax = 16

/** What templates name is more than a run may have. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge'
}

/** A template that names nothing that is there. */
export class Unresolved extends Error {
  readonly path: string

  constructor(path: string) {
    super(`\${${path}} is not there`)
    this.name = 'Unresolved'
    this.path = path
  }
}

/** Errors: VALIDATION_ERROR, for a template that no run could resolve. */
export function checkTemplates(value: unknown, field: string): void {
  eachText(value, field, (text, at) => {
    for (const [found, path] of text.matchAll(template)) {
      if (isEscaped(found)) continue
      const parts = partsOf(path!)
      if (parts.length > partsMax) throw invalid(at, `\${${path}} has more than ${partsMax} parts`, 'VALIDATION_ERROR')
      if (!roots.some((root) => root === parts[0]) || parts.length < 2 || parts.includes(''))
        throw invalid(
          at,
          `\${${path}} must begin with one of ${roots.join(', ')} and name what is in it`,
          'VALIDATION_ERROR',
        )
    }
  })
}

/** Whether a text has one. */
export function hasTemplate(text: string): boolean {
  return [...text.matchAll(template)].some(([found]) => !isEscaped(found))
}

/**
 * A copy with each template replaced: a text that is one template becomes the value that it names, whatever its type; inside
 * of a text a value is written as text, or as JSON. Throws `Unresolved`, `TooLarge`.
 */
export function resolveTemplates(value: unknown, lookup: Lookup): unknown {
  let bytes = 0
  return resolved(value, (path) => {
    const found = lookup(path)
    bytes += JSON.stringify(found)?.length ?? 0
    if (bytes > taskLimits.resolvedBytesMax) throw new TooLarge()
    return found
  })
}

function resolved(value: unknown, lookup: Lookup): unknown {
  if (typeof value === 'string') return resolveText(value, lookup)
  if (Array.isArray(value)) return value.map((each) => resolved(each, lookup))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, resolved(each, lookup)]))
}

/** Reads a path in a value. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let at: unknown = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Record<string, unknown>)[part]
  }
  return at
}

/** The tasks whose results are asked for. */
export function dependenciesNamed(value: unknown): string[] {
  const named = new Set<string>()
  eachText(value, '', (text) => {
    for (const [found, path] of text.matchAll(template)) {
      const [root, taskId] = partsOf(path!)
      if (!isEscaped(found) && root === 'deps' && taskId) named.add(taskId)
    }
  })
  return [...named]
}

function resolveText(text: string, lookup: Lookup): unknown {
  const found = (path: string) => {
    const value = lookup(partsOf(path))
    if (value === undefined) throw new Unresolved(path.trim())
    return value
  }
  const [whole] = [...text.matchAll(template)]
  if (whole && whole[0] === text && !isEscaped(text)) return found(whole[1]!)
  return text.replaceAll(template, (written: string, path: string) => {
    if (isEscaped(written)) return written.slice(1)
    const value = found(path)
    return typeof value === 'string' ? value : JSON.stringify(value)
  })
}

function partsOf(path: string): string[] {
  return path.trim().split('.')
}

function eachText(value: unknown, field: string, fn: (text: string, field: string) => void, depth = 0): void {
  if (typeof value === 'string') fn(value, field)
  else if (typeof value === 'object' && value !== null) {
    if (depth > nestingMax) throw invalid(field, `is nested more than ${nestingMax} deep`, 'VALIDATION_ERROR')
    for (const [name, each] of Object.entries(value)) eachText(each, `${field}.${name}`, fn, depth + 1)
  }
}
