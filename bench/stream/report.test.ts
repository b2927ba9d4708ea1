import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { markdownOf } from './report.ts'
import type { Results } from './results.ts'
import { verdictsOf } from './targets.ts'

const to = (subscribers: number, ...rates: number[]) =>
  rates.map((deliveriesPerSecond) => {
    return {
      ...{ subscribers, batch: 250, deliveriesPerSecond, serverMicrosEach: 1.5 },
      ...{ bytesPerMessage: 200, serverCores: 1, loadCores: 0.25 },
    }
  })
const results: Results = {
  at: '2025-11-03T00:00:00.000Z',
  machine: { cpu: 'cpu', cores: 2, memoryBytes: 2 ** 34 },
  settings: { pinned: true, subscribers: [100, 1000], batches: [250], repetitions: 3, windowSeconds: 10, idle: 10_000 },
  systems: [
    { name: 'nexus-sse', version: '1', description: 'events' },
    { name: 'bare-sse', version: '2', description: 'a loop' },
  ],
  fanOut: { 'nexus-sse': [...to(100, 60_000, 80_000, 70_000), ...to(1000, 30_000)], 'bare-sse': to(100, 100_000) },
  idle: {
    'nexus-sse': { subscribed: { connections: 10_000, rssBytesEach: 20_480, heapBytesEach: 10_240 } },
    'bare-sse': { subscribed: { connections: 10_000, rssBytesEach: 10_240, heapBytesEach: 5120 } },
  },
  hostile: {
    'nexus-sse': {
      flood: { calmPerSecond: 100_000, duringPerSecond: 90_000, rssBytes: { without: 3e8, with: 4e8, after: 2e8 } },
    },
  },
}

test('a target is judged by the medians of its case, and left out when a system did not run', () => {
  deepEqual(verdictsOf(results), [
    { target: 'deliveries/s to 100, 250 at a time, nexus-sse: at least 0.7 × bare-sse', ratio: 0.7, met: true },
    { target: 'bytes an idle connection, subscribed, nexus-sse: at most 1.5 × bare-sse', ratio: 2, met: false },
  ])
})

test('the report shows what was measured and leaves blank what was not', () => {
  const text = markdownOf(results)
  match(text, /^\| deliveries\/s to 100, 250 at a time \| 70,000 \| 100,000 \|$/m)
  match(text, /^\| deliveries\/s to 1,000, 250 at a time \| 30,000 \| {2}\|$/m)
  match(text, /^\| of a core, %: server, load \| 100, 25 \| 100, 25 \|$/m)
  match(text, /^\| KiB for each of 10,000 idle connections, subscribed .* \| 20.0 \(10.0\) \| 10.0 \(5.0\) \|$/m)
  match(text, /^\| one client that writes .* \| 90,000, 0.90; 300, 400, 200 \|$/m)
  match(text, /^\| ten subscribers to everything that never read \| {2}\|$/m)
  equal(text.includes('NaN'), false)
  equal(markdownOf({ ...results, fanOut: {}, idle: {}, hostile: {} }).includes('|'), false)
})
