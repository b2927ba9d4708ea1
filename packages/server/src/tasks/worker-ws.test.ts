import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { startTestNexus } from '../testing/nexus.ts'
import { openWs } from '../testing/ws-client.ts'

test('a worker waits, reports and hears of a cancel over one WebSocket', async (t) => {
  const nexus = await startTestNexus(t)
  const ws = await openWs(t, nexus)
  const invoke = async (operation: string, input: object) =>
    (await ws.ask('invoke', { operation, input })).payload.output as Record<string, never>
  const waiting = invoke('workers.lease', { worker_id: 'w', names: ['x'], wait_seconds: 30 })
  const task = await nexus.client.tasks.create({ name: 'x', type: 'one_time' })
  const { runs } = (await waiting) as unknown as { runs: { run_id: string; lease_token: string }[] }
  const { run_id, lease_token } = runs[0]!
  const held = { run_id, lease_token }
  const beating = invoke('workers.heartbeat', { worker_id: 'w', runs: [held], wait_seconds: 15 })
  await nexus.client.tasks.cancel({ task_id: task.task_id })
  const beat = (await beating) as unknown as { runs: { cancel_requested: boolean }[] }
  equal(beat.runs[0]!.cancel_requested, true)
  const ended = await invoke('runs.fail', { ...held, error: { code: 'cancelled', message: 'Stopped' } })
  equal(ended.status, 'cancelled')
})
