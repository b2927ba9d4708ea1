import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { zoneClock } from './zone-clock.ts'

const at = (text: string) => Date.parse(text)
const hour = 3_600_000

test('a span ends and the next begins with the second in which the clocks change', () => {
  const clock = zoneClock('America/New_York')!
  const change = at('2026-03-08T07:00:00Z')
  const { until, offset } = clock.spanAt(change - 1)
  deepEqual([until, offset], [change, -5 * hour])
  const after = clock.spanAt(change)
  deepEqual([after.from, after.offset, after.before], [change, -4 * hour, -5 * hour])
})

test('a change at the very start of a day of UTC is one too', () => {
  const midnight = at('1997-03-30T00:00:00Z')
  const { from, offset, before } = zoneClock('Asia/Baku')!.spanAt(midnight + hour)
  deepEqual([from, offset, before], [midnight, 5 * hour, 4 * hour])
})

test('where no clocks change, the offset before a span is its own', () => {
  const now = at('2026-10-25T00:00:00Z')
  const { from, until, offset, before } = zoneClock('Asia/Tokyo')!.spanAt(now)
  deepEqual([from <= now, until > now, offset, before], [true, true, 9 * hour, 9 * hour])
})

test('offsets of zones are whole seconds, and UTC has one span', () => {
  equal(zoneClock('Africa/Monrovia')!.spanAt(0).offset, -2_670_000)
  equal(zoneClock('Etc/UTC')!.spanAt(at('2026-01-01T00:00:00Z')).until, Number.POSITIVE_INFINITY)
})

test('what is no name of a zone has no clock', () => {
  for (const name of ['', 'Mars/Olympus', '+02:00', '-0500', '../etc', 'UTC ', "UTC'"])
    equal(zoneClock(name), undefined, name)
})
