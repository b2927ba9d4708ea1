import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { json, startTestNexus } from '../testing/nexus.ts'

test('a call that is repeated under its key is answered with the run of the first, as that stands by then', async (t) => {
  const nexus = await startTestNexus(t)
  const { task_id } = await nexus.client.tasks.create({ name: 'x', type: 'scheduled', schedule: { every: '1d' } })
  const execute = async () => {
    const { headers, ...init } = json({})
    const asked = { ...init, headers: { ...headers, 'idempotency-key': 'once' } }
    const answer = await nexus.request(`/v1/tasks/${task_id}/execute`, asked)
    equal(answer.status, 202)
    const { run_id, status } = (await answer.json()) as { run_id: string; status: string }
    return { run_id, status, isReplayed: answer.headers.get('idempotent-replayed') === 'true' }
  }
  const { run_id, ...first } = await execute()
  deepEqual(first, { status: 'queued', isReplayed: false })
  deepEqual(await execute(), { run_id, status: 'queued', isReplayed: true })
  await nexus.client.runs.cancel({ run_id })
  deepEqual(await execute(), { run_id, status: 'cancelled', isReplayed: true })
})
