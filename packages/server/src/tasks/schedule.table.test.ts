import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { nextAfter, parseSchedule, previousAtOrBefore } from './schedule.ts'

/**
 * A row: what | the cron, or the schedule as JSON | zone | the instant to look from | the ticks that follow it, in UTC, with
 * seconds where they are not 0. All were worked out by hand, and with another language's calendar.
 */
const tables = {
  patterns: `
    every minute | * * * * * | UTC | 2025-12-31 23:58:30 | 2025-12-31 23:59, 2026-01-01 00:00
    strictly after | * * * * * | UTC | 2026-01-01 00:00 | 2026-01-01 00:01
    a fraction of a second is after | * * * * * | UTC | 2025-12-31 23:59:59.999 | 2026-01-01 00:00
    the example of the specification | 0 2 * * * | UTC | 2025-11-03 01:53:54.540 | 2025-11-03 02:00, 2025-11-04 02:00
    a step begins at the least value | */25 * * * * | UTC | 2026-01-01 00:00 | 2026-01-01 00:25, 2026-01-01 00:50, 2026-01-01 01:00
    a step of a range begins at its start | 10-40/15 9 * * * | UTC | 2026-01-01 00:00 | 2026-01-01 09:10, 2026-01-01 09:25, 2026-01-01 09:40, 2026-01-02 09:10
    a step of days begins anew each month | 0 0 */15 * * | UTC | 2026-01-02 00:00 | 2026-01-16 00:00, 2026-01-31 00:00, 2026-02-01 00:00, 2026-02-16 00:00, 2026-03-01 00:00
    a list of hours, in any order | 15 18,6 * * * | UTC | 2026-01-01 06:15 | 2026-01-01 18:15, 2026-01-02 06:15
    lists of ranges | 0 8-9,17-18 * * * | UTC | 2026-01-01 09:00 | 2026-01-01 17:00, 2026-01-01 18:00, 2026-01-02 08:00
    weekdays by name | 0 9 * * MON-FRI | UTC | 2026-01-02 09:00 | 2026-01-05 09:00, 2026-01-06 09:00
    names in small letters | 0 9 * jan,jul fri | UTC | 2026-01-30 09:00 | 2026-07-03 09:00
    Sunday is 0 | 0 0 * * 0 | UTC | 2026-01-01 00:00 | 2026-01-04 00:00, 2026-01-11 00:00
    Sunday is 7 | 0 0 * * 7 | UTC | 2026-01-01 00:00 | 2026-01-04 00:00, 2026-01-11 00:00
    a range up to Sunday | 0 0 * * 6-7 | UTC | 2026-01-01 00:00 | 2026-01-03 00:00, 2026-01-04 00:00, 2026-01-10 00:00
    a range up to Sunday by name | 0 0 * * FRI-SUN | UTC | 2026-01-01 00:00 | 2026-01-02 00:00, 2026-01-03 00:00, 2026-01-04 00:00, 2026-01-09 00:00
    day of the month or day of the week | 0 0 13 * FRI | UTC | 2026-03-01 00:00 | 2026-03-06 00:00, 2026-03-13 00:00, 2026-03-20 00:00, 2026-03-27 00:00, 2026-04-03 00:00, 2026-04-10 00:00, 2026-04-13 00:00
    both, with a plus | 0 0 13 * +FRI | UTC | 2026-01-01 00:00 | 2026-02-13 00:00, 2026-03-13 00:00, 2026-11-13 00:00
    both, where a day begins with a star | 0 0 */2 * MON | UTC | 2026-01-01 00:00 | 2026-01-05 00:00, 2026-01-19 00:00, 2026-02-09 00:00
    the first Monday, as in crontabs of old | 0 0 */31,1-7 * MON | UTC | 2026-01-01 00:00 | 2026-01-05 00:00, 2026-02-02 00:00, 2026-03-02 00:00
    a question mark for either day | 0 0 ? * WED | UTC | 2026-01-01 00:00 | 2026-01-07 00:00, 2026-01-14 00:00
    a question mark for the weekday | 0 0 1 * ? | UTC | 2026-01-01 00:00 | 2026-02-01 00:00, 2026-03-01 00:00
    the 31st only where there is one | 0 0 31 * * | UTC | 2026-01-31 00:00 | 2026-03-31 00:00, 2026-05-31 00:00, 2026-07-31 00:00, 2026-08-31 00:00
    the 30th is left out in February | 0 0 30 * * | UTC | 2026-01-30 00:00 | 2026-03-30 00:00
    the last day of the month | 0 0 L * * | UTC | 2026-01-31 00:00 | 2026-02-28 00:00, 2026-03-31 00:00, 2026-04-30 00:00
    the last day of a leap February | 0 12 L 2 * | UTC | 2027-03-01 00:00 | 2028-02-29 12:00, 2029-02-28 12:00
    leap days | 0 0 29 2 * | UTC | 2026-01-01 00:00 | 2028-02-29 00:00, 2032-02-29 00:00
    no leap day in 2100 | 0 0 29 2 * | UTC | 2096-02-29 00:00 | 2104-02-29 00:00
    leap days that are Mondays | 0 0 29 2 +MON | UTC | 2026-01-01 00:00 | 2044-02-29 00:00, 2072-02-29 00:00, 2112-02-29 00:00
    the last weekday of the month | 0 0 LW * * | UTC | 2026-01-01 00:00 | 2026-01-30 00:00, 2026-02-27 00:00, 2026-03-31 00:00
    the weekday nearest a Sunday is after it | 0 0 15W 3 * | UTC | 2026-01-01 00:00 | 2026-03-16 00:00
    the weekday nearest a Saturday is before it | 0 0 15W 8 * | UTC | 2026-01-01 00:00 | 2026-08-14 00:00
    the nearest weekday stays in the month | 0 0 1W 8 * | UTC | 2026-01-01 00:00 | 2026-08-03 00:00
    the second Friday | 0 0 * * FRI#2 | UTC | 2026-01-01 00:00 | 2026-01-09 00:00, 2026-02-13 00:00
    the fifth Friday, where there is one | 0 0 * * 5#5 | UTC | 2026-01-31 00:00 | 2026-05-29 00:00, 2026-07-31 00:00
    the last Friday | 0 0 * * FRI#L | UTC | 2026-01-01 00:00 | 2026-01-30 00:00, 2026-02-27 00:00
    seconds | */20 * * * * * | UTC | 2026-01-01 00:00:30 | 2026-01-01 00:00:40, 2026-01-01 00:01, 2026-01-01 00:01:20
    one second of a day | 59 59 23 31 12 * | UTC | 2026-01-01 00:00 | 2026-12-31 23:59:59, 2027-12-31 23:59:59
    yearly | @yearly | UTC | 2026-01-01 00:00 | 2027-01-01 00:00, 2028-01-01 00:00
    annually | @annually | UTC | 2026-05-01 00:00 | 2027-01-01 00:00
    monthly | @monthly | Asia/Tokyo | 2026-01-31 14:59:59 | 2026-01-31 15:00, 2026-02-28 15:00
    weekly | @weekly | UTC | 2026-01-01 00:00 | 2026-01-04 00:00
    daily | @daily | Europe/Berlin | 2026-01-01 00:00 | 2026-01-01 23:00
    midnight, in capitals | @MIDNIGHT | Europe/Berlin | 2026-07-01 00:00 | 2026-07-01 22:00
    hourly | @hourly | Asia/Kolkata | 2026-01-01 00:00 | 2026-01-01 00:30, 2026-01-01 01:30
  `,
  zones: `
    Kathmandu is 5:45 ahead | 0 9 * * * | Asia/Kathmandu | 2026-01-01 00:00 | 2026-01-01 03:15, 2026-01-02 03:15
    whole hours of Kathmandu | 0 * * * * | Asia/Kathmandu | 2026-01-01 00:00 | 2026-01-01 00:15, 2026-01-01 01:15
    the day of the week is the zone's | 0 1 * * MON | Pacific/Kiritimati | 2026-01-01 00:00 | 2026-01-04 11:00, 2026-01-11 11:00
    and behind UTC | 0 23 * * SUN | Pacific/Honolulu | 2026-01-01 00:00 | 2026-01-05 09:00
    the last day of a month is the zone's | 0 20 L * * | America/Los_Angeles | 2026-01-02 00:00 | 2026-02-01 04:00, 2026-03-01 04:00, 2026-04-01 03:00
    Monrovia was 44:30 behind until 1972 | 0 12 * * * | Africa/Monrovia | 1972-01-05 13:00 | 1972-01-06 12:44:30, 1972-01-07 12:00
  `,
  'clocks that go forward': `
    a time in a gap is its end | 30 2 * * * | America/New_York | 2026-03-07 05:00 | 2026-03-07 07:30, 2026-03-08 07:00, 2026-03-09 06:30
    the start of a gap too | 0 2 * * * | America/New_York | 2026-03-08 05:00 | 2026-03-08 07:00, 2026-03-09 06:00
    the end of a gap is none of it | 0 3 * * * | America/New_York | 2026-03-08 05:00 | 2026-03-08 07:00, 2026-03-09 07:00
    two ticks on one instant are one | 0,30 2,3 * * * | America/New_York | 2026-03-08 05:00 | 2026-03-08 07:00, 2026-03-08 07:30, 2026-03-09 06:00
    skip | {"cron":"30 2 * * *","dst":{"gap":"skip"}} | America/New_York | 2026-03-07 12:00 | 2026-03-09 06:30
    minutes go on | */30 * * * * | America/New_York | 2026-03-08 06:00 | 2026-03-08 06:30, 2026-03-08 07:00, 2026-03-08 07:30
    a step of hours shifts nothing | 0 */2 * * * | America/New_York | 2026-03-08 05:00 | 2026-03-08 08:00, 2026-03-08 10:00
    a minute of every hour shifts nothing | 30 * * * * | America/New_York | 2026-03-08 06:00 | 2026-03-08 06:30, 2026-03-08 07:30
    minutes of one hour shift nothing | */20 2 * * * | America/New_York | 2026-03-08 05:00 | 2026-03-09 06:00, 2026-03-09 06:20
    unless they shall | {"cron":"*/20 2 * * *","dst":{"gap":"shift"}} | America/New_York | 2026-03-08 05:00 | 2026-03-08 07:00, 2026-03-09 06:00
    Berlin | 30 2 * * * | Europe/Berlin | 2026-03-28 12:00 | 2026-03-29 01:00, 2026-03-30 00:30
    Sundays alone | 30 2 * * SUN | Europe/Berlin | 2026-03-23 00:00 | 2026-03-29 01:00, 2026-04-05 00:30
    a day that has no gap is not shifted | 30 2 * * MON | Europe/Berlin | 2026-03-24 00:00 | 2026-03-30 00:30
    Sydney, in October | 30 2 * * * | Australia/Sydney | 2026-10-03 00:00 | 2026-10-03 16:00, 2026-10-04 15:30
    a midnight that Santiago has not | 0 0 * * * | America/Santiago | 2026-09-05 12:00 | 2026-09-06 04:00, 2026-09-07 03:00
    a gap of half an hour | 15 2 * * * | Australia/Lord_Howe | 2026-10-03 00:00 | 2026-10-03 15:30, 2026-10-04 15:15
    and what is beyond it | 30 2 * * * | Australia/Lord_Howe | 2026-10-03 00:00 | 2026-10-03 15:30, 2026-10-04 15:30
    a day that Apia left out | 0 12 * * * | Pacific/Apia | 2011-12-29 00:00 | 2011-12-29 22:00, 2011-12-30 10:00, 2011-12-30 22:00
    skipped | {"cron":"0 12 * * *","dst":{"gap":"skip"}} | Pacific/Apia | 2011-12-29 00:00 | 2011-12-29 22:00, 2011-12-30 22:00
    hours of a day that was left out | 0 */6 * * * | Pacific/Apia | 2011-12-29 16:00 | 2011-12-29 22:00, 2011-12-30 04:00, 2011-12-30 10:00, 2011-12-30 16:00
    the 30th of that December | 0 0 30 12 * | Pacific/Apia | 2011-01-01 00:00 | 2011-12-30 10:00, 2012-12-29 10:00
  `,
  'clocks that go back': `
    a time that comes twice is the first | 30 1 * * * | America/New_York | 2026-10-31 12:00 | 2026-11-01 05:30, 2026-11-02 06:30
    from between the two | 30 1 * * * | America/New_York | 2026-11-01 06:00 | 2026-11-02 06:30
    the hour after the repeated one comes once | 0 2 * * * | America/New_York | 2026-11-01 00:00 | 2026-11-01 07:00, 2026-11-02 07:00
    a list is fixed too | 0,30 1 * * * | America/New_York | 2026-11-01 00:00 | 2026-11-01 05:00, 2026-11-01 05:30, 2026-11-02 06:00
    and a range | 30 0-2 * * * | America/New_York | 2026-11-01 00:00 | 2026-11-01 04:30, 2026-11-01 05:30, 2026-11-01 07:30, 2026-11-02 05:30
    both | {"cron":"30 1 * * *","dst":{"repeat":"both"}} | America/New_York | 2026-10-31 12:00 | 2026-11-01 05:30, 2026-11-01 06:30, 2026-11-02 06:30
    both of two, in the order of time | {"cron":"15,45 1 * * *","dst":{"repeat":"both"}} | America/New_York | 2026-11-01 00:00 | 2026-11-01 05:15, 2026-11-01 05:45, 2026-11-01 06:15, 2026-11-01 06:45
    minutes go on | */30 * * * * | America/New_York | 2026-11-01 05:00 | 2026-11-01 05:30, 2026-11-01 06:00, 2026-11-01 06:30, 2026-11-01 07:00
    a minute of every hour comes in each | 30 * * * * | America/New_York | 2026-11-01 05:00 | 2026-11-01 05:30, 2026-11-01 06:30, 2026-11-01 07:30
    unless once | {"cron":"30 * * * *","dst":{"repeat":"first"}} | America/New_York | 2026-11-01 05:00 | 2026-11-01 05:30, 2026-11-01 07:30
    seconds of a fixed hour go on | */30 59 1 * * * | America/New_York | 2026-11-01 05:00 | 2026-11-01 05:59, 2026-11-01 05:59:30, 2026-11-01 06:59, 2026-11-01 06:59:30
    Berlin | 30 2 * * * | Europe/Berlin | 2026-10-24 12:00 | 2026-10-25 00:30, 2026-10-26 01:30
    Sydney, in April | 30 2 * * * | Australia/Sydney | 2026-04-04 00:00 | 2026-04-04 15:30, 2026-04-05 16:30
    the end of a repeated hour is after both | 0 3 * * * | Australia/Sydney | 2026-04-04 12:00 | 2026-04-04 17:00, 2026-04-05 17:00
    the hour before midnight, twice in Santiago | 30 23 * * * | America/Santiago | 2026-04-04 12:00 | 2026-04-05 02:30, 2026-04-06 03:30
    a midnight that Havana has twice | 0 0 * * * | America/Havana | 2026-10-31 12:00 | 2026-11-01 04:00, 2026-11-02 05:00
    a repeat of half an hour | 45 1 * * * | Australia/Lord_Howe | 2026-04-04 00:00 | 2026-04-04 14:45, 2026-04-05 15:15
    and what is before it | 15 1 * * * | Australia/Lord_Howe | 2026-04-04 00:00 | 2026-04-04 14:15, 2026-04-05 14:45
    its minutes go on | */15 1 * * * | Australia/Lord_Howe | 2026-04-04 14:15 | 2026-04-04 14:30, 2026-04-04 14:45, 2026-04-04 15:00, 2026-04-04 15:15, 2026-04-05 14:30
  `,
  'intervals, bounds and single instants': `
    every, from the anchor | {"every":"15m"} | UTC | 2026-01-01 00:07 | 2026-01-01 00:22, 2026-01-01 00:37
    every, from the start, itself included | {"every":"1h","start_at":"2026-01-05T10:20:30.5+02:00"} | UTC | 2026-01-01 00:00 | 2026-01-05 08:20:30.500, 2026-01-05 09:20:30.500
    a day is 24 hours, whatever the clocks do | {"every":"1d","start_at":"2026-03-07T12:00:00Z"} | America/New_York | 2026-03-07 12:00 | 2026-03-08 12:00, 2026-03-09 12:00
    the end is not included | {"cron":"0 0 * * *","end_at":"2026-01-03T00:00:00Z"} | UTC | 2026-01-01 00:00 | 2026-01-02 00:00
    the start is | {"cron":"0 0 * * *","start_at":"2026-02-01T00:00:00Z","end_at":"2026-02-02T00:00:01Z"} | UTC | 2026-01-01 00:00 | 2026-02-01 00:00, 2026-02-02 00:00
    a shifted tick must be in the bounds | {"cron":"30 2 * * *","start_at":"2026-03-08T07:00:00Z"} | America/New_York | 2026-03-01 00:00 | 2026-03-08 07:00, 2026-03-09 06:30
    once | {"run_at":"2026-06-01T12:00:00.250+02:00"} | UTC | 2026-01-01 00:00 | 2026-06-01 10:00:00.250
  `,
}

const anchor = at('2026-01-01 00:07')

for (const [about, table] of Object.entries(tables)) {
  test(`${about}: ticks are those that were worked out by hand, forward and back`, () => {
    for (const row of table.trim().split('\n')) {
      const [, given, timezone, after, ticks] = row.split(' | ') as [string, string, string, string, string]
      const schedule = { timezone, ...(given.startsWith('{') ? JSON.parse(given) : { cron: given }) }
      const compiled = parseSchedule(schedule, Math.min(anchor, at(after)))
      let before: number | undefined
      for (const tick of ticks.split(', ').map(at)) {
        equal(shown(nextAfter(compiled, before ?? at(after))), shown(tick), row)
        equal(shown(previousAtOrBefore(compiled, tick)), shown(tick), row)
        if (before !== undefined) equal(shown(previousAtOrBefore(compiled, tick - 1)), shown(before), row)
        before = tick
      }
    }
  })
}

function at(text: string): number {
  const instant = Date.parse(`${text.replace(' ', 'T')}Z`)
  if (Number.isNaN(instant)) throw new Error(`no instant: ${text}`)
  return instant
}

function shown(instant: number | undefined): string {
  return instant === undefined ? 'none' : new Date(instant).toISOString()
}
