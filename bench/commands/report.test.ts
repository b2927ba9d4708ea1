import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { markdownOf } from './report.ts'
import type { Results } from './results.ts'
import type { Trip } from './round-trip.ts'
import { tripVerdictsOf, verdictsOf } from './targets.ts'
import { tripMarkdownOf } from './trip-report.ts'

const mode = { clients: 32, batch: 1 }
const rates = (...added: number[]) => added.map((addedPerSecond) => ({ ...mode, addedPerSecond, donePerSecond: 100 }))
const trip = (inFlight: number, p50Ms: number): Trip => ({
  ...{ inFlight, p50Ms, p99Ms: 2 * p50Ms, perSecond: 1000, serverMicrosEach: 500, serverCores: 0.5, loadCores: 0.25 },
})
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
  roundTrip: {
    settings: { inFlight: [1, 50], windowSeconds: 4, idleDevices: 1000, pinned: true },
    systems: [
      { name: 'nexus', version: '1', description: 'ours' },
      { name: 'mosquitto', version: '2', description: 'theirs' },
    ],
    trips: { nexus: [trip(1, 1), trip(50, 30), trip(1, 3), trip(1, 2)], mosquitto: [trip(1, 0.5), trip(50, 15)] },
    disk: [{ p50Ms: 0.25, p99Ms: 1 }],
  },
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

test('round trips are judged by the medians of their case, and shown beside what the disk takes of them', () => {
  deepEqual(tripVerdictsOf(results.roundTrip), [
    { target: 'round trip p50, 1 in flight, nexus: at most 3 × mosquitto', ratio: 4, met: false },
    { target: 'round trip p50, 50 in flight, nexus: at most 3 × mosquitto', ratio: 2, met: true },
  ])
  const text = tripMarkdownOf(results)
  match(text, /^\| 1 in flight: p50, p99 ms \| 2.00, 4.0 \| 0.50, 1.0 \|$/m)
  match(text, /take 0.50 ms, 25 % of the round trip/)
})
