import { deepEqual, match } from 'node:assert/strict'
import { test } from 'node:test'
import type { Dispatched } from './dispatch.ts'
import { markdownOf } from './report.ts'
import type { Results } from './results.ts'
import { verdictsOf } from './targets.ts'

const delays = (p95Ms: number): Dispatched => ({ p50Ms: 1, p95Ms, p99Ms: 2 * p95Ms, lastMs: 900, runsPerSecond: 1234 })
const results: Results = {
  at: '2025-11-03T00:00:00.000Z',
  machine: { cpu: 'cpu', cores: 2, memoryBytes: 2 ** 34 },
  settings: { repetitions: 3, windowSeconds: 3, together: 10_000, postgres: 'PostgreSQL 15' },
  systems: [
    { name: 'nexus', version: '1', description: 'ours' },
    { name: 'bullmq', version: '2', description: 'theirs' },
  ],
  found: {
    steady: { nexus: [delays(3), delays(9), delays(4)], bullmq: [delays(8)] },
    saturated: {},
    together: {},
    schedules: { nexus: [delays(50)] },
  },
  memory: [{ schedules: 50_000, bytesEach: 120 }],
}

test('a target is judged by the medians, and left out when a system did not run', () => {
  deepEqual(verdictsOf(results), [{ target: 'dispatch p95 at 20 runs/s: less than bullmq', ratio: 0.5, met: true }])
})

test('the report shows the medians of what ran, and nothing else', () => {
  const text = markdownOf(results)
  match(text, /\| p95, ms \| 4\.0 \| 8\.0 \|/)
  match(text, /\| 10,000 schedules due at one instant \| nexus \|/)
  match(text, /takes 120 bytes/)
  deepEqual(/due at once|one run at a time|due at one instant/g.exec(text)?.length, 1)
})
