import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { FrameRing } from './frame-ring.ts'
import { TransientRun } from './transient-run.ts'

/** A run of `length` events from number `first` on, each of `bytes`, all of the trace `t<first>`. */
function runOf(first: number, length: number, { at = 0, bytes = 0 } = {}): TransientRun {
  const events = {
    type: 'telemetry.frame' as const,
    length,
    bytes: bytes * length,
    subjectOf: (index: number) => `d${index}`,
    dataOf: (index: number) => ({ index }),
    traceIdOf: () => `t${first}`,
    knownTraceIdOf: () => `t${first}`,
  }
  return new TransientRun(events, { first, at, from: 0, length })
}

const numbersIn = (ring: FrameRing, after = 0, upTo = 100, limit = 100) =>
  ring.read(after, upTo, limit).map(({ seq }) => seq)

test('the newest are kept to the number, whether they came alone or together, and what went is told', () => {
  const ring = new FrameRing({ max: 5, bytesMax: 1 << 20, keepMs: 1000 }, 9)
  equal(ring.droppedUpTo, 9)
  ring.push(runOf(10, 3))
  ring.push(runOf(14, 1))
  deepEqual([numbersIn(ring), ring.droppedUpTo], [[10, 11, 12, 14], 9])
  ring.push(runOf(15, 3))
  deepEqual([numbersIn(ring), ring.droppedUpTo], [[12, 14, 15, 16, 17], 11])
  deepEqual(numbersIn(ring, 12, 16), [14, 15, 16])
  deepEqual(numbersIn(ring, 13, 100, 2), [14, 15])
  ring.push(runOf(20, 8))
  deepEqual([numbersIn(ring), ring.droppedUpTo], [[23, 24, 25, 26, 27], 22])
  deepEqual(ring.read(23, 24, 9)[0]!.data, { index: 4 })
})

test('what came together goes together when memory is short or it is too old', () => {
  const ring = new FrameRing({ max: 100, bytesMax: 4000, keepMs: 1000 }, 0)
  ring.push(runOf(1, 10, { bytes: 100 }))
  ring.push(runOf(11, 10, { bytes: 100, at: 1 }))
  equal(ring.firstSince(1), 11)
  ring.push(runOf(21, 15, { bytes: 100, at: 1000 }))
  equal(ring.droppedUpTo, 10)
  ring.push(runOf(36, 1, { at: 1002 }))
  deepEqual([ring.droppedUpTo, numbersIn(ring).length], [20, 16])
  ring.push(runOf(40, 2, { bytes: 10_000, at: 1002 }))
  deepEqual([ring.droppedUpTo, numbersIn(ring)], [36, [40, 41]])
  ring.lose(41)
  deepEqual([ring.droppedUpTo, numbersIn(ring)], [42, []])
})

test('those of a trace are found among the others', () => {
  const ring = new FrameRing({ max: 100, bytesMax: 1 << 20, keepMs: 1000 }, 0)
  for (const first of [1, 11, 21]) ring.push(runOf(first, 10))
  deepEqual(
    ring.ofTrace('t11', 3).map(({ seq }) => seq),
    [11, 12, 13],
  )
})

test('thousands that came alone and went leave the rest in order', () => {
  const ring = new FrameRing({ max: 3, bytesMax: 1 << 20, keepMs: 1000 }, 0)
  for (let seq = 1; seq <= 5000; seq++) ring.push(runOf(seq, 1))
  deepEqual(numbersIn(ring, 0, 5000), [4998, 4999, 5000])
})
