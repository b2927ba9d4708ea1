import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { endMs, startMs, workloadOf } from './generator.ts'
import { queriesOf, queryNames } from './queries.ts'

for (const name of queryNames) {
  test(`${name} asks every system the same, within the history`, () => {
    for (const workload of [workloadOf(72), workloadOf(1)]) {
      const queries = queriesOf(name, workload, 50)
      deepEqual(queries, queriesOf(name, workload, 50))
      for (const { fromMs, toMs } of queries) ok(fromMs >= startMs && toMs <= endMs(workload) && fromMs < toMs)
    }
  })
}

test('a window begins where a bucket begins', () => {
  for (const name of ['q1', 'q2', 'q5', 'q6'] as const) {
    for (const { fromMs, intervalMs } of queriesOf(name, workloadOf(72), 50)) equal(fromMs % intervalMs, 0)
  }
})
