import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCondition, watchCondition } from './condition.ts'
import { Failure } from './failure.ts'

const holding: [condition: string, metrics: object, holds: boolean | undefined][] = [
  ['cpu_usage>90', { cpu_usage: 90.5 }, true],
  ['cpu_usage>90', { cpu_usage: 90 }, false],
  ['cpu_usage >= 90', { cpu_usage: 90 }, true],
  [' a<1 ', { a: 0 }, true],
  ['a <= -1.5', { a: -1.5 }, true],
  ['a < 1.5e9', { a: 1_499_999_999 }, true],
  ['a == .5', { a: 0.5 }, true],
  ['a != 0', { a: 1 }, true],
  ['up == 1', { up: true }, true],
  ['up == true', { up: 1 }, true],
  ['up == false', { up: false }, true],
  ['up != true', { up: false }, true],
  ['status != "ok"', { status: 'bad' }, true],
  ['status != "ok"', { status: 'ok' }, false],
  ['status == "a \\"b\\" > 1"', { status: 'a "b" > 1' }, true],
  ['status != "ok"', { status: 7 }, true],
  ['status == "1"', { status: 1 }, false],
  ['status > 1', { status: '2' }, false],
  ['disk.free < 10', { disk: { free: 9 } }, true],
  ['disk.free < 10', { 'disk.free': 9 }, true],
  ['disk.a.free < 10', { disk: { 'a.free': 9 } }, true],
  ['net/eth-0.rx>1', { 'net/eth-0.rx': 2 }, true],
  ['disk.free < 10', { disk: { used: 9 } }, undefined],
  ['disk != 1', { disk: { used: 9 } }, undefined],
  ['list == 1', { list: [1] }, undefined],
  ['toString == 1', {}, undefined],
]

test('a condition holds of a reading as it says; where there is none, it says nothing', () => {
  for (const [text, metrics, expected] of holding) {
    const condition = parseCondition(text, 'f')
    const reading = condition.read(metrics)
    equal(reading === undefined ? undefined : condition.holds(reading), expected, `${text} ${JSON.stringify(metrics)}`)
  }
})

const durations: [string, number][] = [
  ['a>1', 0],
  ['a>1 for 1s', 1000],
  ['cpu_usage>90 for 2m', 120_000],
  ['a == "x" for 3h', 3 * 3_600_000],
  ['a == true   for   30d', 30 * 86_400_000],
]

test('`for` takes a time', () => {
  for (const [text, ms] of durations) equal(parseCondition(text, 'f').forMs, ms, text)
})

const refused: [text: string, position: number, says: RegExp][] = [
  ['', 1, /the name of a metric/],
  ['   ', 4, /the name of a metric/],
  ['9a > 1', 1, /the name of a metric/],
  ['cpu usage > 1', 5, /one of > >= < <= == !=/],
  ['cpu_usage', 10, /the end: expected one of/],
  ['cpu_usage = 1', 11, /one of/],
  ['a >', 4, /expected a number/],
  ['a > "x"', 5, /> compares numbers/],
  ['a >= true', 6, /compares numbers/],
  ['a == ok', 6, /a number, true, false, or a text in double quotes/],
  ["a == 'ok'", 6, /double quotes/],
  ['a == "ok', 6, /double quotes/],
  ['a == "\\x"', 6, /as in JSON/],
  ['a > 1e999', 5, /no number that can be kept/],
  ['a > 1.2.3', 5, /a number/],
  ['a > 10 per cent', 8, /the end, or `for`/],
  ['a > 1 for', 10, /s, m, h, d/],
  ['a > 1 for 2 m', 11, /s, m, h, d/],
  ['a > 1 for 2w', 11, /s, m, h, d/],
  ['a > 1 for 0s', 11, /from 1s to 30d/],
  ['a > 1 for 31d', 11, /from 1s to 30d/],
  ['a > 1 for 2m and', 14, /the end/],
  ['a.b.c.d.e.f.g.h.i > 1', 19, /more than 8 parts/],
]

test('a condition that is none is refused with its field, the place and what would be right', () => {
  for (const [text, position, says] of refused) {
    throws(
      () => parseCondition(text, 'verify.metric'),
      (failure: Failure) => {
        deepEqual([failure.code, failure.details.field], ['VALIDATION_ERROR', 'verify.metric'], text)
        equal(failure.details.position, position, `${text}: ${failure.details.issue}`)
        return says.test(failure.details.issue!)
      },
      text,
    )
  }
})

test('whatever text comes, it is read or refused, and nothing else is thrown', () => {
  const piece = fc.constantFrom(
    'a',
    'cpu.x',
    '>',
    '==',
    '!=',
    ' ',
    '"',
    '\\',
    '1',
    '.',
    'e',
    'for',
    '2m',
    'true',
    '\n',
    '😀',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      (text) => {
        try {
          parseCondition(text, 'f')
        } catch (error) {
          if (!(error instanceof Failure)) throw error
        }
      },
    ),
  )
})

const streams: [condition: string, readings: [at: number, value: number][], holds: boolean[]][] = [
  ['a>1', [[0, 2]], [true]],
  [
    'a>1 for 10s',
    [
      [0, 2],
      [9_999, 2],
      [10_000, 3],
      [11_000, 0],
      [20_000, 2],
      [29_999, 2],
      [31_000, 2],
    ],
    [false, false, true, false, false, false, true],
  ],
]

test('with `for` it holds once every reading for so long has met it', () => {
  for (const [text, readings, expected] of streams) {
    const watch = watchCondition(parseCondition(text, 'f'))
    deepEqual(
      readings.map(([at, value]) => watch.take(at, value)),
      expected,
      text,
    )
  }
})
