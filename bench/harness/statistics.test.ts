import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { median, percentile } from './statistics.ts'

test('the median is the middle, whatever the order and the count', () => {
  equal(median([9, 1, 5]), 5)
  equal(median([4, 1, 3, 2]), 2.5)
  equal(median([7]), 7)
  equal(median([]), Number.NaN)
})

test('a percentile is a value that occurred', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  equal(percentile(hundred, 0.99), 99)
  equal(percentile(hundred, 0.5), 50)
  equal(percentile([3], 0.99), 3)
})
