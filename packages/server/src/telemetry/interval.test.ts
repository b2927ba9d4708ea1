import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatInstant } from './instant.ts'
import { boundaryGrain, bucketStarts, fittingInterval, parseInterval } from './interval.ts'

const at = (text: string) => Date.parse(text) * 1000

function startsOf(text: string, tz: string, from: string, to: string): string[] {
  return bucketStarts(parseInterval(text, tz), at(from), at(to), 100)!.map(formatInstant)
}

const calendar: [what: string, interval: string, tz: string, from: string, to: string, starts: string[]][] = [
  [
    'a day of New York is 23 hours when clocks go forward',
    ...['1d', 'America/New_York', '2026-03-07T12:00:00Z', '2026-03-10T00:00:00Z'],
    ['2026-03-07T05:00:00Z', '2026-03-08T05:00:00Z', '2026-03-09T04:00:00Z'],
  ],
  [
    'and 25 hours when they go back',
    ...['1d', 'America/New_York', '2025-11-01T12:00:00Z', '2025-11-04T00:00:00Z'],
    ['2025-11-01T04:00:00Z', '2025-11-02T04:00:00Z', '2025-11-03T05:00:00Z'],
  ],
  [
    'India is half an hour off',
    ...['1d', 'Asia/Kolkata', '2025-11-03T00:00:00Z', '2025-11-04T00:00:00Z'],
    ['2025-11-02T18:30:00Z', '2025-11-03T18:30:00Z'],
  ],
  [
    'Nepal is three quarters of an hour off',
    ...['1d', 'Asia/Kathmandu', '2025-11-03T00:00:00Z', '2025-11-03T20:00:00Z'],
    ['2025-11-02T18:15:00Z', '2025-11-03T18:15:00Z'],
  ],
  [
    'clocks of Lord Howe change by half an hour',
    ...['1d', 'Australia/Lord_Howe', '2025-10-04T00:00:00Z', '2025-10-06T00:00:00Z'],
    ['2025-10-03T13:30:00Z', '2025-10-04T13:30:00Z', '2025-10-05T13:00:00Z'],
  ],
  [
    'a day whose midnight is left out begins after the gap',
    ...['1d', 'America/Santiago', '2025-09-06T12:00:00Z', '2025-09-08T12:00:00Z'],
    ['2025-09-06T04:00:00Z', '2025-09-07T04:00:00Z', '2025-09-08T03:00:00Z'],
  ],
  [
    'a day whose midnight comes twice begins with the first',
    ...['1d', 'America/Havana', '2025-11-01T12:00:00Z', '2025-11-03T12:00:00Z'],
    ['2025-11-01T04:00:00Z', '2025-11-02T04:00:00Z', '2025-11-03T05:00:00Z'],
  ],
  [
    'a day that Samoa left out is an empty one',
    ...['1d', 'Pacific/Apia', '2011-12-29T12:00:00Z', '2011-12-31T12:00:00Z'],
    ['2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z'],
  ],
  [
    'weeks begin on Monday',
    ...['1w', 'Europe/Berlin', '2025-11-05T00:00:00Z', '2025-11-12T00:00:00Z'],
    ['2025-11-02T23:00:00Z', '2025-11-09T23:00:00Z'],
  ],
  [
    'months have their own lengths, also in a leap year',
    ...['1mo', 'UTC', '2024-01-15T00:00:00Z', '2024-04-01T00:00:00Z'],
    ['2024-01-01T00:00:00Z', '2024-02-01T00:00:00Z', '2024-03-01T00:00:00Z'],
  ],
  [
    'months of a zone go over a change of the clocks',
    ...['1mo', 'Europe/Berlin', '2025-10-15T00:00:00Z', '2025-11-30T00:00:00Z'],
    ['2025-09-30T22:00:00Z', '2025-10-31T23:00:00Z'],
  ],
  [
    'quarters',
    ...['1q', 'UTC', '2025-05-05T00:00:00Z', '2025-11-03T00:00:00Z'],
    ['2025-04-01T00:00:00Z', '2025-07-01T00:00:00Z', '2025-10-01T00:00:00Z'],
  ],
  [
    'years of a zone',
    ...['1y', 'Asia/Tokyo', '2024-12-31T14:59:59Z', '2025-06-01T00:00:00Z'],
    ['2023-12-31T15:00:00Z', '2024-12-31T15:00:00Z'],
  ],
  [
    'two days are counted from the first of 1970, wherever the range begins',
    ...['2d', 'UTC', '2025-11-03T00:00:00Z', '2025-11-06T00:00:00Z'],
    ['2025-11-02T00:00:00Z', '2025-11-04T00:00:00Z'],
  ],
  [
    'hours keep to the epoch, whatever the zone',
    ...['6h', 'Asia/Kolkata', '2025-11-03T01:00:00Z', '2025-11-03T13:00:00Z'],
    ['2025-11-03T00:00:00Z', '2025-11-03T06:00:00Z', '2025-11-03T12:00:00Z'],
  ],
] as never

for (const [what, interval, tz, from, to, starts] of calendar) {
  test(`${interval} in ${tz}: ${what}`, () => {
    const found = startsOf(interval, tz, from, to)
    // A bucket without any length can hold nothing; that it is named twice does no harm.
    deepEqual([...new Set(found)], [...new Set(starts)])
  })
}

const zones = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/Santiago', 'Pacific/Chatham']
const texts = ['250ms', '7s', '5m', '1h', '7h', '1d', '3d', '1w', '2w', '1mo', '5mo', '1q', '1y']

test('buckets follow one another without gap or overlap, and cover the range', () => {
  const property = fc.property(
    fc.constantFrom(...texts),
    fc.constantFrom(...zones),
    fc.integer({ min: at('1971-01-01T00:00:00Z'), max: at('2037-01-01T00:00:00Z') }),
    fc.double({ min: 0.01, max: 50, noNaN: true }),
    (text, tz, start, buckets) => {
      const interval = parseInterval(text, tz)
      const holding = (instant: number) => bucketStarts(interval, instant, instant + 1, 1)![0]!
      const end = start + Math.ceil(buckets * aboutMicros(text))
      const starts = bucketStarts(interval, start, end, 1000)!
      equal(starts[0], holding(start))
      ok(starts[0]! <= start)
      for (const [i, from] of starts.entries()) {
        const next = starts[i + 1] ?? end
        ok(from < next)
        deepEqual([holding(from), holding(next - 1)], [from, from])
        ok(from % boundaryGrain(interval) === 0, `${from} is no multiple of the grain`)
      }
    },
  )
  fc.assert(property, { numRuns: 300 })
})

function aboutMicros(text: string): number {
  const units: Record<string, number> = { ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 }
  const days: Record<string, number> = { w: 7, mo: 30, q: 91, y: 365 }
  const [, count, unit] = /^(\d+)(\w+)$/.exec(text)!
  return Number(count) * (units[unit!] ?? days[unit!]! * units.d!)
}

test('more buckets than may be are not made', () => {
  const interval = parseInterval('1s', 'UTC')
  equal(bucketStarts(interval, 0, 11e6, 10), undefined)
  equal(bucketStarts(interval, 0, 10e6, 10)?.length, 10)
  equal(bucketStarts(parseInterval('1d', 'Europe/Berlin'), 0, 11 * 86_400e6, 10), undefined)
})

test('what is no interval is refused', () => {
  for (const text of ['', '0m', '-1m', '5', 'm', '5M', '100000s', '1.5h', '5m ', 'auto'])
    throws(() => parseInterval(text, 'UTC'), { code: 'INVALID_REQUEST' }, text)
})

test('the interval that fits is the finest round one, and the coarsest when none does', () => {
  equal(fittingInterval(0, 86_400e6, 24, 'UTC').text, '1h')
  equal(fittingInterval(0, 86_400e6, 23, 'UTC').text, '3h')
  equal(fittingInterval(0, at('2200-01-01T00:00:00Z'), 10, 'UTC').text, '1y')
})
