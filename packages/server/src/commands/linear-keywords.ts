import { hash } from 'node:crypto'
import { _, type Ajv, type CodeKeywordDefinition, type FuncKeywordDefinition } from 'ajv'
import { Type } from 'ajv/dist/compile/util.js'

/**
 * `uniqueItems`, `enum` and `contains` in time and memory that grow with the value alone. Ajv compares each item with each
 * other, and each value with each of the list, and keeps what each item has that is not contained: with what a request may
 * bring that takes seconds, in which nobody else is served.
 */
export function useLinearKeywords(ajv: Ajv): void {
  for (const definition of [uniqueItems, oneOfList, contains]) {
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
    const plain = new Set(values.filter((value) => typeof value === 'string'))
    const texts = new Set(values.filter((value) => typeof value !== 'string').map(textOf))
    return (value) => (typeof value === 'string' ? plain.has(value) : texts.has(textOf(value)))
  },
}

const contains: CodeKeywordDefinition = {
  keyword: 'contains',
  type: 'array',
  schemaType: ['object', 'boolean'],
  trackErrors: true,
  error: { message: 'must contain at least 1 valid item(s)' },
  code(cxt) {
    const { gen, data } = cxt
    const isFound = gen.let('found', false)
    const isValid = gen.name('valid')
    gen.forRange('i', 0, _`${data}.length`, (i) => {
      const item = {
        dataProp: i,
        dataPropType: Type.Num,
        compositeRule: true,
        allErrors: false,
        createErrors: false,
      } as const
      cxt.subschema({ keyword: 'contains', ...item }, isValid)
      gen.if(isValid, () => gen.assign(isFound, true).break())
      cxt.reset()
    })
    cxt.result(isFound, () => cxt.reset())
  },
}

const textLengthMax = 64
const knownTexts = new WeakMap<object, string>()

/**
 * The same for what JSON Schema calls equal, whatever the order of its keys. Each list and object is read once, and stands by
 * its digest in what it is a part of, so that depth costs nothing.
 */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const known = knownTexts.get(value)
  if (known !== undefined) return known
  const whole = Array.isArray(value) ? `[${value.map(textOf)}]` : `{${Object.entries(value).map(textOfEntry).sort()}}`
  const text = whole.length > textLengthMax ? hash('sha256', whole, 'base64') : whole
  knownTexts.set(value, text)
  return text
}

function textOfEntry([key, value]: [string, unknown]): string {
  return `${JSON.stringify(key)}:${textOf(value)}`
}
