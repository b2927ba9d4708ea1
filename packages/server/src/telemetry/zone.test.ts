import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { createZone } from './zone.ts'

const at = (text: string) => Date.parse(text) * 1000

test('the date of an instant is that of its zone', () => {
  const dates: [string, string, object][] = [
    ['UTC', '2025-11-03T23:59:59Z', { year: 2025, month: 11, day: 3 }],
    ['Asia/Tokyo', '2025-11-03T15:00:00Z', { year: 2025, month: 11, day: 4 }],
    ['America/Los_Angeles', '2025-11-03T07:59:59Z', { year: 2025, month: 11, day: 2 }],
    ['Pacific/Kiritimati', '2025-12-31T10:00:00Z', { year: 2026, month: 1, day: 1 }],
  ]
  for (const [zone, instant, date] of dates) deepEqual(createZone(zone).dateOf(at(instant)), date, zone)
})

test('a day begins at its first instant, and parts out of range carry over', () => {
  equal(createZone('Europe/Berlin').startOfDay(2025, 3, 31), at('2025-03-30T22:00:00Z'))
  equal(createZone('Europe/Berlin').startOfDay(2025, 2, 31), at('2025-03-02T23:00:00Z'))
  equal(createZone('Africa/Cairo').startOfDay(2025, 4, 25), at('2025-04-24T22:00:00Z'))
})

test('the grain tells by what roll-ups can be cut: hours, minutes, or not at all', () => {
  equal(createZone('UTC').grain, 3_600e6)
  equal(createZone('Europe/Berlin').grain, 3_600e6)
  equal(createZone('Asia/Kolkata').grain, 60e6)
  equal(createZone('Australia/Lord_Howe').grain, 60e6)
  equal(createZone('Africa/Monrovia').grain, 1)
})

test('a name that is no zone is refused', () => {
  for (const name of ['', 'Mars/Olympus', '../etc', "UTC'"])
    throws(() => createZone(name), { code: 'INVALID_REQUEST' }, name)
})
