import { Cron } from 'croner'
import { type Failure, invalid } from '../core/failure.ts'

interface Field {
  name: string
  expected: string
}

const fields: readonly Field[] = [
  { name: 'second', expected: '0-59' },
  { name: 'minute', expected: '0-59' },
  { name: 'hour', expected: '0-23' },
  {
    name: 'day of the month',
    expected: '1-31, L (the last), LW (the last weekday), 15W (the weekday nearest the 15th)',
  },
  { name: 'month', expected: '1-12 or JAN-DEC' },
  { name: 'day of the week', expected: '0-7 (0 and 7 are Sunday) or SUN-SAT, FRI#2 (the second), FRI#L (the last)' },
]
const [dayOfMonth, dayOfWeek] = [3, 5]

const nicknames: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/** In characters. */
const cronLengthMax = 256
const shownMax = 40

/** Six fields, from the second to the day of the week. */
export type CronFields = readonly [string, string, string, string, string, string]

/**
 * Takes a pattern apart: five fields, six with the seconds first, or a nickname. Throws VALIDATION_ERROR naming the part that
 * is wrong and what would be right there.
 */
export function parseCronFields(text: string, field: string): CronFields {
  if (text.length > cronLengthMax) throw wrong(field, `must be at most ${cronLengthMax} characters`)
  const pattern = text.trim()
  if (/^(CRON_)?TZ=/i.test(pattern)) throw wrong(field, 'has a zone: give it as schedule.timezone')
  const parts = (pattern.startsWith('@') ? fromNickname(pattern, field) : pattern).split(/\s+/)
  if (pattern === '' || parts.length < 5 || parts.length > 6)
    throw wrong(field, `has ${pattern === '' ? 0 : parts.length} fields: ${formIssue}`)

  const six = (parts.length === 5 ? ['0', ...parts] : parts) as unknown as CronFields
  for (const [index, part] of six.entries()) {
    const isDay = index === dayOfMonth || index === dayOfWeek
    if ((part.includes('?') && !(isDay && part === '?')) || !isField(part, index)) throw wrongPart(field, part, index)
  }
  return six
}

const formIssue =
  'expected five (minute, hour, day of the month, month, day of the week), or six with the second first, as in 0 2 * * *'

function fromNickname(pattern: string, field: string): string {
  const known = nicknames[pattern.toLowerCase()]
  if (known !== undefined) return known
  const other = pattern.startsWith('@every') ? '; an interval is given as schedule.every' : ''
  throw wrong(field, `is no nickname: expected one of ${Object.keys(nicknames).join(' ')}${other}`)
}

function isField(part: string, index: number): boolean {
  const pattern = fields.map((_, at) => (at === index ? part : '*')).join(' ')
  try {
    new Cron(pattern, { paused: true, mode: '6-part' })
    return true
  } catch {
    return false
  }
}

function wrongPart(field: string, part: string, index: number): Failure {
  const { name, expected } = fields[index]!
  const shown = [...part].slice(0, shownMax).join('')
  return wrong(field, `${name} \`${shown}\`: expected ${expected}, or *, a list 1,2, a range 1-5, a step */2 or 1-5/2`)
}

function wrong(field: string, issue: string): Failure {
  return invalid(field, issue, 'VALIDATION_ERROR')
}
