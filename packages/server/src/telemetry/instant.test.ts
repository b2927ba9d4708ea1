import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Failure } from '../core/failure.ts'
import { formatInstant, instantMax, parseInstant, readInstant } from './instant.ts'

const micros = Date.UTC(2025, 10, 3, 1, 53, 54) * 1000

const accepted: [value: unknown, expected: number][] = [
  ['2025-11-03T01:53:54.518Z', micros + 518_000],
  ['2025-11-03T01:53:54Z', micros],
  ['2025-11-03t01:53:54z', micros],
  ['2025-11-03 01:53:54Z', micros],
  ['2025-11-03T01:53:54.5Z', micros + 500_000],
  ['2025-11-03T01:53:54,5184Z', micros + 518_400],
  ['2025-11-03T01:53:54.123456Z', micros + 123_456],
  ['2025-11-03T01:53:54.123456789Z', micros + 123_456],
  ['2025-11-03T02:53:54+01:00', micros],
  ['2025-11-02T20:53:54-0500', micros],
  ['2025-11-03T07:38:54+05:45', micros],
  ['2024-02-29T00:00:00.000Z', Date.UTC(2024, 1, 29) * 1000],
  ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29) * 1000],
  ['1970-01-01T00:00:00Z', 0],
  [1762134834, micros],
  [1762134834.518, micros + 518_000],
  [4_999_999_999, 4_999_999_999e6],
  [5_000_000_000, 5_000_000_000e3],
  [1762134834518, micros + 518_000],
  [4_999_999_999_999, 4_999_999_999_999e3],
  [1762134834518123, micros + 518_123],
  [4_999_999_999_999_999, 4_999_999_999_999_999],
  [1762134834518123500, micros + 518_123],
  [0, 0],
  ['2254-12-31T23:59:59.999999Z', instantMax - 1],
]

test('an instant is ISO 8601 with an offset, or the epoch by its magnitude, kept to the microsecond', () => {
  for (const [value, expected] of accepted) equal(parseInstant(value), expected, String(value))
})

const malformed: unknown[] = [
  '2025-11-03',
  '2025-11-03T01:53:54',
  '2025-11-03T01:53Z',
  '2025-02-30T00:00:00Z',
  '2025-02-30T00:00:00.000Z',
  '2023-02-29T00:00:00Z',
  '2025-13-01T00:00:00Z',
  '2025-11-03T25:00:00Z',
  '2025-11-03T01:60:00Z',
  '2025-11-03T01:53:60Z',
  '2025-11-03T01:53:54.Z',
  '2025-11-03T01:53:54.1234567890123Z',
  '2025-11-03T01:53:54+1',
  ' 2025-11-03T01:53:54Z',
  '2025-11-03T01:53:54Z\n',
  '+002025-11-03T01:53:54Z',
  '1762134834',
  'yesterday',
  '',
  Number.NaN,
  Number.POSITIVE_INFINITY,
  null,
  true,
  {},
  [1762134834],
  1762134834n,
]

const outside: (string | number)[] = [
  '0000-01-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  '1969-12-31T23:59:59.999999Z',
  '1970-01-01T00:00:00+01:00',
  '2255-01-01T00:00:00Z',
  '2254-12-31T23:00:00-01:00',
  '9999-12-31T23:59:59.000Z',
  -1,
  9e18,
]

function refusalOf(value: unknown): Failure {
  try {
    readInstant(value as string, 'start_time')
  } catch (refusal) {
    return refusal as Failure
  }
  throw new Error(`${value} was read`)
}

test('what is no instant is refused, and its form is named', () => {
  for (const value of malformed) {
    equal(parseInstant(value), undefined, String(value))
    const { code, details } = refusalOf(value)
    deepEqual([code, details.field], ['INVALID_REQUEST', 'start_time'])
    match(details.issue!, /^Invalid ISO 8601 format: expected .* as in 2025-11-03T01:53:54.518Z$/, String(value))
  }
})

test('an instant that cannot be kept is not called malformed: the range that can is named', () => {
  for (const value of outside) {
    equal(parseInstant(value), undefined, String(value))
    const { code, details } = refusalOf(value)
    deepEqual([code, details.field], ['INVALID_REQUEST', 'start_time'])
    match(
      details.issue!,
      /^cannot be kept: .* from 1970-01-01T00:00:00Z to before 2255-01-01T00:00:00Z$/,
      String(value),
    )
  }
})

test('what is written is read back as the same microsecond', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: instantMax - 1 }), (at) => {
      equal(parseInstant(formatInstant(at)), at)
    }),
  )
})

test('instants are written with as many digits of a second as there are', () => {
  equal(formatInstant(micros), '2025-11-03T01:53:54Z')
  equal(formatInstant(micros + 500_000), '2025-11-03T01:53:54.500Z')
  equal(formatInstant(micros + 1), '2025-11-03T01:53:54.000001Z')
})
