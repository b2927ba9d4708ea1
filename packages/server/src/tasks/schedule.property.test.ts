import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskSchedule } from '@nexus/contract'
import { CronExpressionParser } from 'cron-parser'
import { Cron } from 'croner'
import fc from 'fast-check'
import { Failure } from '../core/failure.ts'
import { anyOf, type CronField, cronField, wallReader } from '../testing/cron.ts'
import { between, nextAfter, parseSchedule, previousAtOrBefore } from './schedule.ts'

const [minute, day] = [60_000, 86_400_000]
const at = (text: string) => Date.parse(text)
const iso = (instant: number | undefined) => (instant === undefined ? 'none' : new Date(instant).toISOString())

const orAny = (field: fc.Arbitrary<CronField>, min: number, max: number) =>
  fc.oneof(field, fc.constant(anyOf(min, max)))
const timeOfDay = fc.oneof(
  fc.tuple(cronField(0, 59, false), cronField(0, 23, false)),
  fc.tuple(orAny(cronField(0, 59, true), 0, 59), orAny(cronField(0, 23, true), 0, 23)),
)
// Steps are left out of days: libraries differ on whether `*/2` is a day that was given.
const days = fc.tuple(orAny(cronField(1, 28, false), 1, 31), orAny(cronField(0, 6, false), 0, 6))
const pattern = fc.tuple(timeOfDay, days, orAny(cronField(1, 12, true), 1, 12))
const textOf = ([time, [dom, dow], month]: typeof pattern extends fc.Arbitrary<infer T> ? T : never) =>
  [...time, dom, month, dow].map(({ text }) => text).join(' ')

const zone = fc.constantFrom('UTC', ...Intl.supportedValuesOf('timeZone'))
const instant = fc
  .integer({ min: at('1975-01-01T00:00:00Z') / 1000, max: at('2035-01-01T00:00:00Z') / 1000 })
  .map((second) => second * 1000)

test('next and previous are those of cron-parser, where no clocks change', () => {
  const property = fc.property(
    pattern,
    fc.option(cronField(0, 59, true)),
    zone,
    instant,
    (fields, second, timezone, after) => {
      const cron = second ? `${second.text} ${textOf(fields)}` : textOf(fields)
      const wall = wallReader(timezone)
      const isCalm = (time: number) =>
        new Set([-2, 0, 2].map((days) => wall(time + days * day) - time - days * day)).size === 1
      const schedule = parseSchedule({ cron, timezone }, 0)
      const peer = CronExpressionParser.parse(cron, { tz: timezone, currentDate: new Date(after) })
      const next = nextAfter(schedule, after)!
      fc.pre(isCalm(after) && isCalm(next))
      equal(iso(next), peer.next().toDate().toISOString())
      const last = previousAtOrBefore(schedule, after - 1)
      fc.pre(last !== undefined && isCalm(last))
      peer.reset(new Date(after))
      equal(iso(last), peer.prev().toDate().toISOString())
    },
  )
  fc.assert(property, { numRuns: 400 })
})

const changes: [timezone: string, near: string][] = [
  ['America/New_York', '2026-03-08T07:00:00Z'],
  ['America/New_York', '2026-11-01T06:00:00Z'],
  ['Europe/Berlin', '2026-03-29T01:00:00Z'],
  ['Europe/Dublin', '2026-10-25T01:00:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z'],
  ['America/Santiago', '2026-04-05T03:00:00Z'],
  ['America/Santiago', '2026-09-06T04:00:00Z'],
  ['America/Havana', '2026-11-01T05:00:00Z'],
  ['Africa/Cairo', '2026-04-23T22:00:00Z'],
  ['Asia/Kathmandu', '1985-12-31T18:30:00Z'],
  ['Asia/Pyongyang', '2018-05-04T15:00:00Z'],
  ['Antarctica/Troll', '2026-10-25T01:00:00Z'],
  ['Asia/Baku', '1997-03-30T00:00:00Z'],
  ['Asia/Baku', '1997-10-26T00:00:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z'],
  ['Pacific/Kwajalein', '1993-08-21T12:00:00Z'],
]

/** What the clocks show in each minute of the days around a change. */
const windows = changes.map(([timezone, near]) => {
  const start = at(near) - 2 * day
  const wall = wallReader(timezone)
  return {
    timezone,
    start,
    walls: Array.from({ length: (4 * day) / minute }, (_, index) => wall(start + index * minute)),
  }
})

interface Model {
  matches: (wall: number) => boolean
  gap: 'shift' | 'skip'
  repeat: 'first' | 'both'
}

/** Minute by minute: what is shown, what was shown before, and what was left out. */
function naiveTicks(start: number, walls: number[], { matches, gap, repeat }: Model): number[] {
  const shown = new Set<number>()
  return walls.flatMap((wall, index) => {
    const leftOut: number[] = []
    for (let missing = (walls[index - 1] ?? wall) + minute; missing < wall; missing += minute) leftOut.push(missing)
    const isNew = !shown.has(wall)
    shown.add(wall)
    const isTick = (matches(wall) && (isNew || repeat === 'both')) || (gap === 'shift' && leftOut.some(matches))
    return isTick ? [start + index * minute] : []
  })
}

const dst = fc.record(
  { gap: fc.constantFrom('shift', 'skip'), repeat: fc.constantFrom('first', 'both') },
  { requiredKeys: [] },
)

test('where clocks change, ticks are those of a naive pass over the minutes, forward and back', () => {
  const property = fc.property(
    fc.constantFrom(...windows),
    timeOfDay,
    days,
    dst,
    ({ timezone, start, walls }, time, [dom, dow], rule) => {
      const cron = textOf([time, [dom, dow], anyOf(1, 12)])
      const isFixed = !/[*/]/.test(`${time[0].text}${time[1].text}`)
      const isEither = dom.text !== '*' && dow.text !== '*'
      const matches = (wall: number) => {
        const shown = new Date(wall)
        if (!time[0].values.has(shown.getUTCMinutes()) || !time[1].values.has(shown.getUTCHours())) return false
        const isDay = [dom.values.has(shown.getUTCDate()), dow.values.has(shown.getUTCDay())]
        return isEither ? isDay.includes(true) : !isDay.includes(false)
      }
      const usual = isFixed ? ({ gap: 'shift', repeat: 'first' } as const) : ({ gap: 'skip', repeat: 'both' } as const)
      const expected = naiveTicks(start, walls, { matches, ...usual, ...rule })
      const schedule = parseSchedule({ cron, timezone, dst: rule }, 0)
      const found = between(schedule, start, start + walls.length * minute, walls.length)
      deepEqual(found.ticks.map(iso), expected.map(iso))
      let later = start + walls.length * minute
      for (const tick of expected.toReversed()) {
        equal(iso(previousAtOrBefore(schedule, later - 1)), iso(tick))
        later = tick
      }
    },
  )
  fc.assert(property, { numRuns: 300 })
})

test('where clocks change within a day, the usual rule is that of croner for a zone', () => {
  // Of a gap that ends on another day croner makes no tick at its end, unless that day matches too.
  const withinDay = windows.filter(({ timezone }) => !/Apia|Kwajalein|Pyongyang/.test(timezone))
  const property = fc.property(
    fc.constantFrom(...withinDay),
    pattern,
    fc.nat({ max: 5760 }),
    ({ timezone, start }, fields, count) => {
      const cron = textOf(fields)
      const after = start + count * minute
      const schedule = parseSchedule({ cron, timezone }, 0)
      const peer = new Cron(cron, { timezone, paused: true, fixedTimeRule: 'no-wildcard' })
      equal(iso(nextAfter(schedule, after)), peer.nextRun(new Date(after))?.toISOString())
      equal(iso(previousAtOrBefore(schedule, after - 1)), peer.previousRuns(1, new Date(after))[0]?.toISOString())
    },
  )
  fc.assert(property, { numRuns: 500 })
})

const recurring: fc.Arbitrary<TaskSchedule> = fc.oneof(
  fc.tuple(pattern, zone, dst).map(([fields, timezone, rule]) => ({ cron: textOf(fields), timezone, dst: rule })),
  fc
    .tuple(fc.integer({ min: 1, max: 366 }), fc.constantFrom('s', 'm', 'h', 'd'))
    .map(([count, unit]) => ({ every: `${count}${unit}` })),
)

test('ticks increase, lie within the bounds, and are the same one by one, together, and backward', () => {
  const bounds = fc.tuple(instant, fc.integer({ min: 366 * 6, max: 366 * 20 }))
  const property = fc.property(
    recurring,
    bounds,
    instant,
    fc.integer({ min: 0, max: 30 }),
    (given, [start, length], from, max) => {
      const end = start + length * day
      const schedule = parseSchedule({ ...given, start_at: iso(start), end_at: iso(end) }, start)
      const oneByOne: number[] = []
      let tick = nextAfter(schedule, from - 1)
      for (; tick !== undefined && oneByOne.length < max; tick = nextAfter(schedule, tick)) oneByOne.push(tick)
      deepEqual(between(schedule, from, Number.POSITIVE_INFINITY, max), { ticks: oneByOne, more: tick !== undefined })
      for (const [index, instant] of oneByOne.entries()) {
        ok(instant >= Math.max(start, from) && instant < end)
        equal(previousAtOrBefore(schedule, instant), instant)
        if (index > 0) equal(previousAtOrBefore(schedule, instant - 1), oneByOne[index - 1])
      }
    },
  )
  fc.assert(property, { numRuns: 300 })
})

test('whatever the text of a pattern, it is read or refused by its field', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'0123456789*/-,?LW#+SUNFEB'), minLength: 1, maxLength: 6 })
  const time = fc.constantFrom('*', '0', '*/7', '5-9,*', '1,2', '0-23/5')
  const dayOfMonth = fc.constantFrom('*', '?', '*/2', '31', 'L', 'LW', '15W', '29W,L', '1W,1', '1-9/4')
  const dayOfWeek = fc.constantFrom('*', '?', '*/2', '7', 'FRI#2', 'MON#L', '+SUN', '+1#5', '0#1,TUE', '+*', 'MON-FRI')
  const month = fc.constantFrom('*', '2', 'JAN,4', '6-12/3')
  const plausible = fc.tuple(time, time, time, dayOfMonth, month, dayOfWeek)
  const spoilt = fc
    .tuple(plausible, fc.nat({ max: 5 }), letters)
    .map(([parts, at, part]) => (parts as string[]).with(at, part))
  const text = fc.oneof(
    fc.string({ maxLength: 400, unit: 'binary' }),
    fc.oneof(plausible, spoilt).map((parts) => parts.join(' ')),
  )
  const seen = { read: 0, refused: 0 }
  const property = fc.property(text, (cron) => {
    try {
      const tick = nextAfter(parseSchedule({ cron, timezone: 'Europe/Berlin' }, 0), 0)
      ok(tick !== undefined)
      seen.read++
    } catch (error) {
      ok(
        error instanceof Failure && error.code === 'VALIDATION_ERROR' && error.details.field === 'schedule.cron',
        String(error),
      )
      seen.refused++
    }
  })
  fc.assert(property, { numRuns: 1000 })
  ok(seen.read > 100 && seen.refused > 100, JSON.stringify(seen))
})
