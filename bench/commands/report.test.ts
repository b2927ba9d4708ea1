import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { markdownOf } from './report.ts'
import type { Results } from './results.ts'
import { verdictsOf } from './targets.ts'

const mode = { clients: 32, batch: 1 }
const rates = (...added: number[]) => added.map((addedPerSecond) => ({ ...mode, addedPerSecond, donePerSecond: 100 }))
const results: Results = {
  at: '2025-11-03T00:00:00.000Z',
  machine: { cpu: 'cpu', cores: 2, memoryBytes: 2 ** 34 },
  settings: { repetitions: 3, windowSeconds: 3, backlog: 20_000, modes: [mode], postgres: 'PostgreSQL 15' },
  systems: [
    { name: 'nexus-sqlite', version: '1', description: 'ours' },
    { name: 'bullmq', version: '2', description: 'theirs' },
    { name: 'pg-boss', version: '3', description: 'did not run' },
  ],
  jobs: { 'nexus-sqlite': rates(1000, 3000, 2000), bullmq: rates(4000), 'pg-boss': [] },
}

test('a target is judged by the medians of its case, and left out when a system did not run', () => {
  deepEqual(verdictsOf(results), [
    { target: 'jobs/s added, 32 clients, one at a time, nexus-sqlite: more than bullmq', ratio: 0.5, met: false },
    {
      target: 'jobs/s claimed and completed, 32 clients, one at a time, nexus-sqlite: more than bullmq',
      ratio: 1,
      met: true,
    },
  ])
})

test('the report shows what was measured and leaves blank what was not', () => {
  const text = markdownOf(results)
  match(text, /^\| jobs\/s added, 32 clients, one at a time \| 2,000 \| 4,000 \| {2}\|$/m)
  equal(text.includes('NaN'), false)
  equal(markdownOf({ ...results, jobs: { 'nexus-sqlite': [], bullmq: [], 'pg-boss': [] } }).includes('|'), false)
})
