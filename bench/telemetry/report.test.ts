import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { markdownOf } from './report.ts'
import type { Results } from './results.ts'
import { verdictsOf } from './targets.ts'

const single = (requestsPerSecond: number) => [{ requestsPerSecond, p50Ms: 1, p99Ms: 2 }]
const results: Results = {
  at: '2025-11-03T00:00:00.000Z',
  machine: { cpu: 'cpu', cores: 2, memoryBytes: 2 ** 34 },
  settings: { hours: 1, repetitions: 1, windowSeconds: 10, queryRepetitions: 200, quietSeconds: 15 },
  systems: [
    { name: 'nexus', version: '1', durability: 'fsync' },
    { name: 'influxdb', version: '1.6', durability: 'fsync' },
  ],
  single: { nexus: single(1100), influxdb: single(1000) },
  batch: {},
  footprint: {},
}

test('a target is judged by its ratio, and left out when a system did not run', () => {
  deepEqual(verdictsOf(results), [
    { target: '(a) requests/s, one frame each: at least 1.2 × influxdb', ratio: 1.1, met: false },
  ])
})

test('the report shows what was measured and leaves blank what was not', () => {
  const text = markdownOf(results)
  match(text, /^\| one frame a request: requests\/s \| 1,100 \| 1,000 \|$/m)
  match(text, /^\| a thousand frames a request: frames\/s \| {2}\| {2}\|$/m)
  equal(text.includes('NaN'), false)
})
