import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { rateDefaults } from '@nexus/contract'
import { json, startTestNexus } from '../testing/nexus.ts'
import { ended, held, submit, workerOf } from '../testing/sdk-worker.ts'

test('a key that has spent its limit on taking runs still keeps and ends those in hand, and is given no more', async (t) => {
  const nexus = await startTestNexus(t, { rateLimits: { ...rateDefaults, work: 40 } })
  const { client } = nexus
  const { task_id } = await client.tasks.create({ name: 'x', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
  for (let n = 0; n < 4; n++) await client.tasks.execute({ task_id })
  const lease = (names: string[], max = 1) => nexus.request('/v1/workers/w/lease', json({ names, max }))
  const { runs } = (await (await lease(['x'], 3)).json()) as { runs: { run_id: string; lease_token: string }[] }
  const [one, two, three] = runs.map(({ run_id, lease_token }) => ({ run_id, lease_token }))
  let refused = await lease(['none'])
  for (let n = 0; n < 60; n++) refused = await lease(['none'])

  equal(refused.status, 429)
  ok(Number(refused.headers.get('retry-after')) >= 1)
  const shown = ['limit', 'remaining'].map((name) => refused.headers.get(`x-ratelimit-${name}`))
  deepEqual(shown, ['40', '0'])
  deepEqual(((await refused.json()) as { error: { details: object } }).error.details, {
    bucket: 'work',
    limit: 40,
    reserved: 10,
    issue: 'at most 40 requests a minute, the last 10 of them for what keeps or ends work in hand',
  })
  deepEqual(
    await client.workers.heartbeat({ worker_id: 'w', runs: [one!] }).then(({ runs: [run] }) => run?.lost),
    false,
  )
  equal((await client.runs.heartbeat({ ...two!, checkpoint: 1 })).status, 'running')
  const reported = await client.workers.report({ worker_id: 'w', ends: [one!], lease: { names: ['x'] } })
  deepEqual([reported.ends.map((end) => 'status' in end && end.status), reported.runs], [['completed'], []])
  equal((await client.runs.complete(two!)).status, 'completed')
  equal((await client.runs.fail({ ...three!, error: { code: 'c', message: 'm', retryable: false } })).status, 'failed')
})

test('a worker whose key is used up by others keeps the runs that it has, and says how they ended', async (t) => {
  const nexus = await startTestNexus(t, { rateLimits: { ...rateDefaults, work: 40 } })
  const { begun, handler, go, hasBegun } = held()
  const { worker, errors, apiKey } = await workerOf(t, nexus, { concurrency: 2 })
  worker.handle('x', handler).start()
  const run_id = await submit(nexus)
  const { saveCheckpoint, log } = await hasBegun()
  const headers = { authorization: `Bearer ${apiKey}` }
  for (let n = 0; n < 60; n++) await nexus.request('/v1/workers/other/lease', json({ names: ['none'] }, headers))
  log('a line that can wait')
  await saveCheckpoint({ step: 1 })
  go()
  const { status, attempt } = await ended(nexus, run_id)
  deepEqual([status, attempt, begun.length], ['completed', 1, 1])
  ok(
    errors.every((error) => 'status' in error || error.name === 'LinesRefused'),
    `${errors}`,
  )
})
