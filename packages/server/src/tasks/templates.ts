import { taskLimits } from '@nexus/contract'
import { invalid } from '../core/failure.ts'
import { isRecord } from '../core/labels.ts'

/**
 * What a template may name: `run.scheduled_for`, `parameters.x`, `deps.task-xyz.result.y`, `event.data.z`. Undefined: there is
 * no such value.
 */
export type Lookup = (path: readonly string[]) => unknown

/** `$${` is meant as it stands, without the first `$`. */
const template = /\$\$\{|\$\{([^${}]*)\}/g

/** What templates may name, and of what is not said by clients each name. */
const names = {
  run: ['id', 'cause', 'scheduled_for', 'created_at'],
  task: ['id', 'name'],
  parameters: undefined,
  deps: ['run_id', 'result'],
  event: ['id', 'type', 'data'],
} as const satisfies Record<string, readonly string[] | undefined>
export type TemplateRoot = keyof typeof names
export type TemplateName<Root extends 'run' | 'task' | 'event'> = (typeof names)[Root][number]
const roots = Object.keys(names) as TemplateRoot[]
/** Of which there may be more within. */
const nested: readonly string[] = ['result', 'data']

/** What there is for the runs of a task that no event triggers. */
export const rootsWithoutEvent = roots.filter((root) => root !== 'event')

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

/** Errors: VALIDATION_ERROR, for a template that no run could resolve. `allowed`: what it may name there. */
export function checkTemplates(value: unknown, field: string, allowed: readonly TemplateRoot[] = roots): void {
  eachText(value, field, (text, at) => {
    for (const path of pathsIn(text)) {
      const issue = faultOf(path, allowed)
      if (issue !== undefined) throw invalid(at, `\${${path}} ${issue}`, 'VALIDATION_ERROR')
    }
    if (text.replaceAll(template, '').includes('${'))
      throw invalid(
        at,
        'has \u0024{ that no } closes before the next: write \u0024\u0024{ for what is no template',
        'VALIDATION_ERROR',
      )
  })
}

function faultOf(path: string, allowed: readonly TemplateRoot[]): string | undefined {
  const parts = partsOf(path)
  const [root, ...named] = parts
  if (parts.length > partsMax) return `has more than ${partsMax} parts`
  if (!roots.some((one) => one === root) || parts.length < 2 || parts.includes(''))
    return `must begin with one of ${allowed.join(', ')} and name what is in it`
  if (!allowed.some((one) => one === root)) return `is not there: expected ${allowed.join(', ')}`
  const known: readonly string[] | undefined = names[root as TemplateRoot]
  if (known === undefined) return undefined
  const [name, ...more] = root === 'deps' ? named.slice(1) : named
  if (name === undefined)
    return root === 'deps'
      ? `names a task alone: expected ${known.map((one) => `deps.${named[0]}.${one}`).join(', ')}`
      : undefined
  if (known.includes(name) && (more.length === 0 || nested.includes(name))) return undefined
  const begin = root === 'deps' ? `deps.${named[0]}` : root
  return `is not there: expected ${known.map((one) => `${begin}.${one}`).join(', ')}`
}

/** Whether a text has one. */
export function hasTemplate(text: string): boolean {
  return pathsIn(text).length > 0
}

/** What the templates in a text name. */
function pathsIn(text: string): string[] {
  return [...text.matchAll(template)].flatMap(([, path]) => (path === undefined ? [] : [path]))
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
    for (const path of pathsIn(text)) {
      const [root, taskId] = partsOf(path)
      if (root === 'deps' && taskId) named.add(taskId)
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
  if (whole && whole[0] === text && whole[1] !== undefined) return found(whole[1])
  return text.replaceAll(template, (_written: string, path: string | undefined) => {
    if (path === undefined) return '${'
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
