import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskSchedule } from '@nexus/contract'
import { Failure } from '../core/failure.ts'
import { parseCron } from './cron.ts'
import { cronTicks, type DstRule } from './cron-ticks.ts'
import { between, nextAfter, parseSchedule, previousAtOrBefore } from './schedule.ts'
import { zoneClock } from './zone-clock.ts'

const at = (text: string) => Date.parse(text)
const anchor = at('2026-01-01T00:00:00Z')
const day = 86_400_000

const refused: [schedule: TaskSchedule, field: string, issue: RegExp][] = [
  [{}, 'schedule', /none: expected one of cron, every, run_at/],
  [{ timezone: 'UTC' }, 'schedule', /none/],
  [{ cron: '* * * * *', every: '5m' }, 'schedule', /cron and every: expected one/],
  [{ cron: '' }, 'schedule.cron', /0 fields: expected five .* or six/],
  [{ cron: '* * * *' }, 'schedule.cron', /4 fields/],
  [{ cron: '0 0 0 1 1 * 2030' }, 'schedule.cron', /7 fields/],
  [{ cron: '2030-01-01T00:00:00' }, 'schedule.cron', /1 fields/],
  [{ cron: `${'0,'.repeat(130)}1 * * * *` }, 'schedule.cron', /at most 256 characters/],
  [{ cron: '60 * * * *' }, 'schedule.cron', /minute `60`: expected 0-59/],
  [{ cron: '60 * * * * *' }, 'schedule.cron', /second `60`: expected 0-59/],
  [{ cron: '0 24 * * *' }, 'schedule.cron', /hour `24`: expected 0-23/],
  [{ cron: '0 0 32 * *' }, 'schedule.cron', /day of the month `32`: expected 1-31, L/],
  [{ cron: '0 0 1 13 *' }, 'schedule.cron', /month `13`: expected 1-12 or JAN-DEC/],
  [{ cron: '0 0 * * 8' }, 'schedule.cron', /day of the week `8`: expected 0-7/],
  [{ cron: '0 0 * * FRI#6' }, 'schedule.cron', /day of the week `FRI#6`/],
  [{ cron: '0 22-2 * * *' }, 'schedule.cron', /hour `22-2`/],
  [{ cron: '5/15 * * * *' }, 'schedule.cron', /minute `5\/15`: .* a step \*\/2 or 1-5\/2/],
  [{ cron: '*/0 * * * *' }, 'schedule.cron', /minute/],
  [{ cron: '? * * * *' }, 'schedule.cron', /minute `\?`/],
  [{ cron: 'H * * * *' }, 'schedule.cron', /minute `H`/],
  [{ cron: '0 0 1, * *' }, 'schedule.cron', /day of the month/],
  [{ cron: '@reboot' }, 'schedule.cron', /no nickname: expected one of @yearly @annually @monthly/],
  [{ cron: '@every 5m' }, 'schedule.cron', /schedule\.every/],
  [{ cron: 'CRON_TZ=Europe/Berlin 0 0 * * *' }, 'schedule.cron', /schedule\.timezone/],
  [{ cron: '0 0 30 2 *' }, 'schedule.cron', /never comes/],
  [{ cron: '0 0 31 4,6,9,11 *' }, 'schedule.cron', /never comes/],
  [{ cron: '0 0 1 1 +MON#2' }, 'schedule.cron', /never comes/],
  [{ cron: '30 2 * 3 +SUN#2', timezone: 'America/New_York', dst: { gap: 'skip' } }, 'schedule.cron', /never comes/],
  [{ cron: '* * * * *', timezone: 'Mars/Olympus' }, 'schedule.timezone', /IANA time zone, as in Europe\/Berlin/],
  [{ every: '5m', timezone: '+02:00' }, 'schedule.timezone', /IANA/],
  [{ every: '0s' }, 'schedule.every', /from 1s to 366d, as in 15m/],
  [{ every: '367d' }, 'schedule.every', /from 1s to 366d/],
  [{ every: '1.5h' }, 'schedule.every', /whole number/],
  [{ every: '5m5s' }, 'schedule.every', /whole number/],
  [{ every: '5m', dst: { gap: 'skip' } }, 'schedule.dst', /a rule for cron/],
  [{ every: '5m', jitter_seconds: -1 }, 'schedule.jitter_seconds', /0 to 86400/],
  [{ every: '5m', jitter_seconds: 86_401 }, 'schedule.jitter_seconds', /0 to 86400/],
  [{ run_at: 'soon' }, 'schedule.run_at', /ISO 8601/],
  [{ run_at: '3000-01-01T00:00:00Z' }, 'schedule.run_at', /1970 to 2999/],
  [{ run_at: '2026-02-01T00:00:00Z', start_at: '2026-01-01T00:00:00Z' }, 'schedule.start_at', /no meaning with run_at/],
  [{ run_at: '2026-02-01T00:00:00Z', end_at: '2026-03-01T00:00:00Z' }, 'schedule.end_at', /no meaning with run_at/],
  [
    { every: '1h', start_at: '2026-02-01T00:00:00Z', end_at: '2026-02-01T00:00:00Z' },
    'schedule.end_at',
    /later than start_at/,
  ],
  [{ every: '1h', end_at: '2026-01-01T00:30:00Z' }, 'schedule.end_at', /before the first instant of every/],
  [
    { cron: '@monthly', start_at: '2026-02-02T00:00:00Z', end_at: '2026-02-20T00:00:00Z' },
    'schedule.end_at',
    /first instant of cron/,
  ],
]

test('what is no schedule is refused by its field, with what would be right', () => {
  for (const [schedule, field, issue] of refused) {
    const failure = failureOf(schedule)
    const shown = JSON.stringify(schedule)
    ok(failure instanceof Failure, shown)
    deepEqual([failure.code, failure.details.field], ['VALIDATION_ERROR', field], shown)
    match(failure.details.issue!, issue, shown)
  }
})

function failureOf(schedule: TaskSchedule): unknown {
  try {
    return parseSchedule(schedule, anchor)
  } catch (failure) {
    return failure
  }
}

test('the newest tick of a schedule that runs each second is one step back, after a year too', () => {
  const calls = counted('* * * * * *', 'Europe/Berlin', { gap: 'skip', repeat: 'both' })
  equal(calls.ticks.atOrBefore(anchor + 365 * day + 999), anchor + 365 * day)
  equal(calls.count(), 1)
})

test('a step takes a bounded number of looks at the pattern, however rare its ticks', () => {
  const usual: DstRule = { gap: 'shift', repeat: 'first' }
  for (const [cron, looks] of [
    ['0 0 * * *', 4],
    ['0 0 1 1 *', 8],
    ['30 2 29 2 +SUN', 8],
  ] as const) {
    const calls = counted(cron, 'America/New_York', usual)
    ok(calls.ticks.next(anchor) !== undefined)
    ok(calls.ticks.atOrBefore(anchor - 1) !== undefined)
    ok(calls.count() <= looks, `${cron}: ${calls.count()}`)
  }
  const never = counted('30 2 * 3 +SUN#2', 'America/New_York', { gap: 'skip', repeat: 'first' })
  equal(never.ticks.next(anchor), undefined)
  ok(never.count() <= 1000, `${never.count()}`)
})

function counted(cron: string, timezone: string, dst: DstRule) {
  const pattern = parseCron(cron, 'schedule.cron')
  let count = 0
  const look =
    <T>(find: (time: number) => T) =>
    (time: number) => {
      count++
      return find(time)
    }
  const counting = { ...pattern, atOrAfter: look(pattern.atOrAfter), atOrBefore: look(pattern.atOrBefore) }
  return { ticks: cronTicks(counting, zoneClock(timezone)!, dst), count: () => count }
}

test('no more ticks are given than were asked for, and whether there are more is told', () => {
  const hourly = parseSchedule({ cron: '@hourly' }, anchor)
  const hour = 3_600_000
  deepEqual(between(hourly, anchor, anchor + 3 * hour, 3), {
    ticks: [0, 1, 2].map((n) => anchor + n * hour),
    more: false,
  })
  deepEqual(between(hourly, anchor, anchor + 3 * hour, 2), { ticks: [anchor, anchor + hour], more: true })
  deepEqual(between(hourly, anchor, anchor + 3 * hour, 0), { ticks: [], more: true })
  deepEqual(between(hourly, anchor, anchor, 5), { ticks: [], more: false })
})

test('an interval lies before its anchor too, but not before its start', () => {
  equal(previousAtOrBefore(parseSchedule({ every: '1h' }, anchor + 500), anchor), anchor + 500 - 3_600_000)
  const bounded = parseSchedule({ every: '1h', start_at: '2026-01-01T00:00:00Z' }, anchor + 500)
  equal(previousAtOrBefore(bounded, anchor - 1), undefined)
  equal(nextAfter(bounded, 0), anchor)
})

test('after its end a schedule has no tick, and its last one is before the end', () => {
  const schedule = parseSchedule({ cron: '@daily', end_at: '2026-01-03T00:00:00Z' }, anchor)
  equal(nextAfter(schedule, at('2026-01-02T00:00:00Z')), undefined)
  equal(previousAtOrBefore(schedule, at('2030-01-01T00:00:00Z')), at('2026-01-02T00:00:00Z'))
})

test('where time ends, ticks do', () => {
  const last = at('2999-12-31T00:00:00Z')
  equal(nextAfter(parseSchedule({ cron: '@daily' }, anchor), last), undefined)
  equal(nextAfter(parseSchedule({ every: '1d' }, anchor), last + day), undefined)
  equal(previousAtOrBefore(parseSchedule({ cron: '@daily', timezone: 'Asia/Tokyo' }, anchor), -1), undefined)
  equal(nextAfter(parseSchedule({ cron: '@daily' }, anchor), Number.NEGATIVE_INFINITY), 0)
})
