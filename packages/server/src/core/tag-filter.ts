import { readEscapes, splitTokens, type Token, textOf } from './escaped-text.ts'
import { invalid } from './failure.ts'

/** One condition on the tags of a point; all conditions of a filter must hold. */
export interface TagCondition {
  key: string
  negated: boolean
  /** Any may match; `exists` needs the key alone. */
  patterns: { kind: 'equals' | 'prefix' | 'exists'; value: string }[]
}

const conditionsMax = 32
const patternsMax = 100

/**
 * Reads `k:v`, `k:v1|v2` (either), `!k:v` (not), `k:*` (exists), `k:pre*` (prefix), comma-separated. The first `:`
 * splits; a backslash takes the next character as it is.
 */
export function parseTagFilter(text: string): TagCondition[] {
  const conditions = splitTokens(readEscapes(text, 'tags'), ',').map(readCondition)
  if (conditions.length > conditionsMax) throw invalid('tags', `has more than ${conditionsMax} conditions`)
  return conditions
}

function readCondition(tokens: Token[]): TagCondition {
  const negated = tokens[0]?.char === '!' && !tokens[0].plain
  const rest = negated ? tokens.slice(1) : tokens
  const colon = rest.findIndex((token) => token.char === ':' && !token.plain)
  const key = textOf(rest.slice(0, colon))
  if (colon < 1 || colon === rest.length - 1) {
    throw invalid('tags', `expected key:value, as in environment:production, not "${textOf(tokens).slice(0, 64)}"`)
  }
  const patterns = splitTokens(rest.slice(colon + 1), '|').map(readPattern)
  if (patterns.length > patternsMax) throw invalid('tags', `has more than ${patternsMax} values for "${key}"`)
  return { key, negated, patterns }
}

function readPattern(tokens: Token[]): TagCondition['patterns'][number] {
  const last = tokens.at(-1)
  if (last?.char !== '*' || last.plain) return { kind: 'equals', value: textOf(tokens) }
  if (tokens.length === 1) return { kind: 'exists', value: '' }
  return { kind: 'prefix', value: textOf(tokens.slice(0, -1)) }
}

/** Tells whether a set of tags passes the filter: the meaning that the store's SQL has too. */
export function matchesTags(conditions: readonly TagCondition[], tags: Readonly<Record<string, string>>): boolean {
  return conditions.every(({ key, negated, patterns }) => {
    const value = Object.hasOwn(tags, key) ? tags[key]! : undefined
    return negated !== (value !== undefined && patterns.some((pattern) => matchesPattern(pattern, value)))
  })
}

function matchesPattern(pattern: TagCondition['patterns'][number], value: string): boolean {
  switch (pattern.kind) {
    case 'exists':
      return true
    case 'prefix':
      return value.startsWith(pattern.value)
    case 'equals':
      return value === pattern.value
    default:
      return pattern.kind satisfies never
  }
}
