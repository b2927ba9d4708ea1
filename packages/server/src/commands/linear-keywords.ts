import type { Ajv, FuncKeywordDefinition } from 'ajv'

/**
 * `uniqueItems` and `enum` in time that grows with the value alone. Ajv compares each item with each other, and each
 * value with each of the list: with what a request may bring that takes seconds, in which nobody else is served.
 */
export function useLinearKeywords(ajv: Ajv): void {
  for (const definition of [uniqueItems, oneOfList]) {
    ajv.removeKeyword(definition.keyword as string)
    ajv.addKeyword(definition)
  }
}

const uniqueItems: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  error: { message: 'must NOT have duplicate items' },
  validate: (isAsked: boolean, items: unknown[]) => !isAsked || isSet(items),
}

/** A schema may ask of one list as often as it has places; nobody changes a value between its checks. */
const knownSets = new WeakMap<unknown[], boolean>()

function isSet(items: unknown[]): boolean {
  const known = knownSets.get(items) ?? new Set(items.map(textOf)).size === items.length
  knownSets.set(items, known)
  return known
}

const oneOfList: FuncKeywordDefinition = {
  keyword: 'enum',
  schemaType: 'array',
  error: { message: 'must be equal to one of the allowed values' },
  compile(values: unknown[]) {
    const texts = new Set(values.map(textOf))
    return (value) => texts.has(textOf(value))
  },
}

/** The same for what JSON Schema calls equal, whatever the order of its keys. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
