import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { createReceiptMoments } from './receipt-moments.ts'

test('no two frames have one moment, whoever takes how many, and the clock is caught up with', () => {
  let now = 1000
  const moments = createReceiptMoments(() => now)
  const first = [moments.take(1), moments.take(3), moments.take(1)]
  deepEqual(first, [1_000_000, 1_000_001, 1_000_004])
  equal(moments.last, 1_000_004)
  now++
  equal(moments.take(1), 1_001_000)
})

test('who takes more than the clock gives runs ahead of it, and no moment comes twice', () => {
  const moments = createReceiptMoments(() => 1000)
  const first = Array.from({ length: 300 }, () => moments.take(10_000))
  deepEqual(
    first,
    first.map((_, i) => 1_000_000 + i * 10_000),
  )
})

test('a clock that was set back is believed', () => {
  let now = 10_000
  const moments = createReceiptMoments(() => now)
  moments.take(1)
  now = 5000
  equal(moments.take(1), 5_000_000)
})
