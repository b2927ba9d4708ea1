import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../../../packages/server/src/testing/child-nexus.ts'
import { startTestNexus, type TestNexus, testFolder } from '../../../packages/server/src/testing/nexus.ts'
import { until } from '../../../packages/server/src/testing/until.ts'
import { csvField, openCsvFile } from './csv-file.ts'
import { dailyRollup, type RollupCheckpoint, type RollupRun } from './daily-rollup.ts'
import { workerOptionsFrom } from './options.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
const day = '2026-05-04'

/** Two devices with a few readings of that day, and one of the day after. */
async function fill(nexus: TestNexus): Promise<void> {
  const frame = (device_id: string, at: string, metrics: Record<string, number | string>) => ({
    ...{ device_id, timestamp: `${at}Z`, metrics },
  })
  await nexus.client.telemetry.frames.batch({
    frames: [
      frame('a,1', '2026-05-04T10:05:00', { load: 1, name: 'x' }),
      frame('a,1', '2026-05-04T10:45:00', { load: 3 }),
      frame('a,1', '2026-05-04T23:59:59', { heat: 20, load: 5 }),
      frame('b', '2026-05-04T00:00:00', { load: 7 }),
      frame('b', '2026-05-05T00:00:00', { load: 100 }),
    ],
  })
}

const rows = [
  'hour,device_id,metric,average',
  '2026-05-04T10:00:00Z,"a,1",load,2',
  '2026-05-04T23:00:00Z,"a,1",heat,20',
  '2026-05-04T23:00:00Z,"a,1",load,5',
  '2026-05-04T00:00:00Z,b,load,7',
]

/** A run as a worker gives it. */
function runOf(t: TestContext, more: Partial<RollupRun> = {}) {
  const saved: RollupCheckpoint[] = []
  const run: RollupRun = {
    ...{ id: 'run-1', task_id: 'task-1', name: 'x', attempt: 1, parameters: { day }, checkpoint: null },
    ...{ scheduled_for: null, deadline: null, trace_id: 't', signal: t.signal },
    progress: () => {},
    log: () => {},
    saveCheckpoint: async (value) => void saved.push(value),
    ...more,
  }
  return { run, saved }
}

test('--now makes the task, rolls up the day, and ends; the task is made once', async (t) => {
  const nexus = await startTestNexus(t)
  const folder = join(testFolder(t), 'rollups')
  await fill(nexus)
  const { key } = await nexus.as({ scopes: ['task:read', 'task:write', 'telemetry:read'] })
  for (let n = 0; n < 2; n++) {
    const worker = startProcess(t, main, ['--url', nexus.url, '--folder', folder, '--day', day], { NEXUS_API_KEY: key })
    deepEqual(await worker.ended, { code: 0, signal: null }, worker.output())
  }
  deepEqual(readdirSync(folder), [`${day}.csv`])
  equal(readFileSync(join(folder, `${day}.csv`), 'utf8'), `${rows.join('\n')}\n`)
  const { tasks } = await nexus.client.tasks.list({ tags: 'example:daily-rollup' })
  equal(tasks.length, 1)
  match(tasks[0]!.next_run!, /T00:05:00/)
  const { runs } = await nexus.client.tasks.runs.list({ task_id: tasks[0]!.task_id })
  deepEqual(
    runs.map(({ status, result }) => [status, (result as { rows: number }).rows]),
    [
      ['completed', 4],
      ['completed', 4],
    ],
  )
})

test('without it the worker does what comes, until it is asked to end', async (t) => {
  const nexus = await startTestNexus(t)
  const folder = testFolder(t)
  await fill(nexus)
  const worker = startProcess(t, main, ['--url', nexus.url, '--folder', folder], { NEXUS_DATA_DIR: nexus.folder })
  await worker.wrote(/works for/)
  const { tasks } = await nexus.client.tasks.list({ tags: 'example:daily-rollup' })
  const { run_id } = await nexus.client.tasks.execute({ task_id: tasks[0]!.task_id, parameters: { day } })
  const ended = async (id: string) =>
    until('it has ended', async () => {
      const run = await nexus.client.runs.get({ run_id: id })
      return run.completed_at !== null && run
    })
  equal((await ended(run_id)).status, 'completed')
  const wrong = await nexus.client.tasks.execute({ task_id: tasks[0]!.task_id, parameters: { day: 'May' } })
  equal((await ended(wrong.run_id)).error?.code, 'invalid_day')
  worker.process.kill('SIGTERM')
  deepEqual(await worker.ended, { code: 0, signal: null }, worker.output())
})

test('an attempt goes on where the one before had saved, and anew where its file is not at hand', async (t) => {
  const nexus = await startTestNexus(t)
  const folder = testFolder(t)
  await fill(nexus)
  const first = runOf(t, {
    saveCheckpoint: async (value) => {
      saved.push(value)
      throw new Error('the worker has died')
    },
  })
  const saved: RollupCheckpoint[] = []
  await rejects(dailyRollup(nexus.client, folder, first.run), /died/)
  deepEqual(
    saved.map(({ device_id, rows: n }) => [device_id, n]),
    [['a,1', 3]],
  )
  // What was written after the checkpoint is not in it.
  const partial = (await openCsvFile(join(folder, `${day}.csv`), 'run-1', saved[0]!.bytes))!
  await partial.append(['half of a'])
  await partial.close()

  const second = runOf(t, { attempt: 2, checkpoint: saved[0]! })
  const { file, rows: count } = await dailyRollup(nexus.client, folder, second.run)
  deepEqual([readFileSync(file, 'utf8'), count], [`${rows.join('\n')}\n`, 4])
  deepEqual(
    second.saved.map(({ device_id }) => device_id),
    ['b'],
  )

  const elsewhere = runOf(t, { attempt: 2, checkpoint: saved[0]! })
  const anew = await dailyRollup(nexus.client, testFolder(t), elsewhere.run)
  equal(readFileSync(anew.file, 'utf8'), `${rows.join('\n')}\n`)
  equal(elsewhere.saved.length, 2)
})

test('the day is the one before the tick, and options that make no sense are refused', async (t) => {
  const nexus = await startTestNexus(t)
  const { run } = runOf(t, { parameters: {}, scheduled_for: '2026-05-05T00:05:00.000Z' })
  equal((await dailyRollup(nexus.client, testFolder(t), run)).day, day)
  const at = new Date('2026-03-01T12:00:00Z')
  equal(workerOptionsFrom(['--now', '--key', 'k'], {}, at).day, '2026-02-28')
  await rejects(async () => workerOptionsFrom(['--day', '2026-02-30', '--key', 'k'], {}), /2026-02-30/)
  await rejects(async () => workerOptionsFrom([], { NEXUS_DATA_DIR: '/nowhere' }), /give --key/)
  ok(csvField('say "no"') === '"say ""no"""')
})
