import { keyPattern } from '@nexus/contract'
import { durationForm, durationMs } from './duration.ts'
import { fail } from './failure.ts'
import { pathPartsMax, pathReader } from './filter.ts'

const operators = ['>', '>=', '<', '<=', '==', '!='] as const
type Operator = (typeof operators)[number]
/** What a condition can compare. */
export type Reading = number | string | boolean

/** What is asked of a metric: `cpu_usage>90 for 2m`. */
export interface Condition {
  readonly text: string
  readonly metric: string
  /** How long it must hold without a break; 0: one reading is enough. */
  readonly forMs: number
  /** The reading of the metric among those of a frame; undefined: there is none. */
  read(metrics: object): Reading | undefined
  holds(reading: Reading): boolean
}

const durationMaxMs = durationMs('30d')
const forms = {
  blank: /\s*/y,
  metric: new RegExp(keyPattern.slice(1, -1), 'y'),
  operator: />=|<=|==|!=|>|</y,
  number: /[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])/y,
  text: /"(?:[^"\\\p{Cc}]|\\.)*"/uy,
  boolean: /(?:true|false)\b/y,
  for: /for\b/y,
  duration: new RegExp(`${durationForm}(?!\\w)`, 'y'),
}

/**
 * Reads a condition: a metric, by the path of a reading inside of an object too; one of `> >= < <= == !=`; a number, `true`,
 * `false` or a text in double quotes; and maybe `for` with a time such as `90s`, `2m`, `1h`, `1d`. Order is told between
 * numbers. Of a metric `true` and 1 are the same, `false` and 0, as in queries. Throws VALIDATION_ERROR with the field, the
 * place (`position`, in characters from 1) and what would be right there.
 */
export function parseCondition(text: string, field: string): Condition {
  const reader = new Reader(text, field)
  const metric = reader.take('metric', 'expected the name of a metric, as in cpu_usage>90')
  if (metric.split('.').length > pathPartsMax) throw reader.wrong(0, `has more than ${pathPartsMax} parts in its name`)
  const operator = reader.take('operator', `expected one of ${operators.join(' ')}`) as Operator
  const operand = readOperand(reader, operator)
  const forMs = reader.has('for') ? readDuration(reader) : 0
  reader.end('expected the end, or `for` and a time such as 2m')
  const readPath = pathReader(metric)
  const holds = comparison(operator, operand)
  return {
    text,
    metric,
    forMs,
    holds,
    read(metrics) {
      const value = readPath(metrics)
      return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' ? value : undefined
    },
  }
}

/** Readings of a condition's metric, told in the order of their time, in milliseconds. */
export interface ConditionWatch {
  /** Whether the condition holds by now: `for` so long, in every reading since. */
  take(at: number, reading: Reading): boolean
}

/** Nothing but readings counts: where none comes, nothing begins to hold, and nothing stops. */
export function watchCondition({ forMs, holds }: Pick<Condition, 'forMs' | 'holds'>): ConditionWatch {
  let since: number | undefined
  return {
    take(at, reading) {
      since = holds(reading) ? Math.min(since ?? at, at) : undefined
      return since !== undefined && at - since >= forMs
    },
  }
}

function readOperand(reader: Reader, operator: Operator): Reading {
  const isOrder = operator !== '==' && operator !== '!='
  const number = reader.find('number')
  if (number !== undefined) {
    if (!Number.isFinite(Number(number))) throw reader.wrong(number.length, 'is no number that can be kept')
    return Number(number)
  }
  if (isOrder) throw reader.wrong(0, `expected a number: ${operator} compares numbers`)
  const boolean = reader.find('boolean')
  if (boolean !== undefined) return boolean === 'true'
  const quoted = reader.take('text', 'expected a number, true, false, or a text in double quotes')
  try {
    return JSON.parse(quoted)
  } catch {
    throw reader.wrong(quoted.length, 'is no text as in JSON')
  }
}

function readDuration(reader: Reader): number {
  const text = reader.take('duration', 'expected a whole number and one of s, m, h, d, as in 2m')
  const ms = durationMs(text)
  if (ms < 1000 || ms > durationMaxMs) throw reader.wrong(text.length, 'expected a time from 1s to 30d')
  return ms
}

function comparison(operator: Operator, operand: Reading): (reading: Reading) => boolean {
  const wanted = numeric(operand)
  const bound = Number(wanted)
  switch (operator) {
    case '==':
      return (reading) => numeric(reading) === wanted
    case '!=':
      return (reading) => numeric(reading) !== wanted
    case '>':
      return ordered((reading) => reading > bound)
    case '>=':
      return ordered((reading) => reading >= bound)
    case '<':
      return ordered((reading) => reading < bound)
    case '<=':
      return ordered((reading) => reading <= bound)
    default:
      return operator satisfies never
  }
}

function ordered(holds: (reading: number) => boolean): (reading: Reading) => boolean {
  return (reading) => {
    const value = numeric(reading)
    return typeof value === 'number' && holds(value)
  }
}

function numeric(value: Reading): number | string {
  return typeof value === 'boolean' ? Number(value) : value
}

class Reader {
  readonly #text: string
  readonly #field: string
  #at = 0

  constructor(text: string, field: string) {
    this.#text = text
    this.#field = field
    this.#skip()
  }

  /** What stands here, if it has the form; read then, with the blanks after it. */
  find(form: keyof typeof forms): string | undefined {
    const found = this.#match(form)
    if (found === undefined) return undefined
    this.#at += found.length
    this.#skip()
    return found
  }

  has(form: keyof typeof forms): boolean {
    return this.find(form) !== undefined
  }

  take(form: keyof typeof forms, expected: string): string {
    const found = this.find(form)
    if (found === undefined) throw this.wrong(0, expected)
    return found
  }

  end(expected: string): void {
    if (this.#at < this.#text.length) throw this.wrong(0, expected)
  }

  /** `back`: so many characters before here, blanks not counted. */
  wrong(back: number, expected: string) {
    const read = this.#text.slice(0, this.#at)
    const position = (back === 0 ? this.#at : read.trimEnd().length - back) + 1
    const rest = this.#text.slice(position - 1)
    const found = rest === '' ? 'the end' : `\`${[...rest].slice(0, shownMax).join('')}\``
    const issue = `at character ${position}, ${found}: ${expected}`
    return fail('VALIDATION_ERROR', { field: this.#field, issue, position, errors: [{ field: this.#field, issue }] })
  }

  #match(form: keyof typeof forms): string | undefined {
    const pattern = forms[form]
    pattern.lastIndex = this.#at
    return pattern.exec(this.#text)?.[0]
  }

  #skip(): void {
    this.#at += this.#match('blank')!.length
  }
}

const shownMax = 20
