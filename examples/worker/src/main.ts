import { createClient, type NexusClient } from '@nexus/sdk'
import { dailyRollup, type RollupCheckpoint, type RollupParameters, type RollupResult } from './daily-rollup.ts'
import { type WorkerExampleOptions, workerOptionsFrom } from './options.ts'
import { handlerName, queue, rollupTask } from './rollup-task.ts'

const pollMs = 200

/** Works until the signal aborts, or until the run of the day that was asked for has ended. */
async function run({ url, apiKey, folder, day }: WorkerExampleOptions, signal: AbortSignal): Promise<void> {
  const client = createClient({ url, apiKey, retry: { maxDelayMs: 5000 } })
  const task_id = await rollupTask(client)
  await using worker = client.worker({ queues: [queue], onError: ({ message }) => console.error(`worker: ${message}`) })
  worker.handle<RollupParameters, RollupResult, RollupCheckpoint>(handlerName, async (given) => {
    console.log(`run ${given.id}, attempt ${given.attempt}`)
    const result = await dailyRollup(client, folder, given)
    console.log(`${result.file}: ${result.rows} rows of ${result.devices} devices`)
    return result
  })
  worker.start()
  console.log(`${worker.id} works for ${task_id}`)
  if (day === undefined) await aborted(signal)
  else await runOnce(client, task_id, day, signal)
}

/** Errors: what its run failed with. */
async function runOnce(client: NexusClient, task_id: string, day: string, signal: AbortSignal): Promise<void> {
  const { run_id } = await client.tasks.execute({ task_id, parameters: { day } })
  while (!signal.aborted) {
    const { completed_at, status, error } = await client.runs.get({ run_id })
    if (completed_at !== null && status !== 'completed')
      throw new Error(`the run ${run_id} is ${status}: ${error?.message ?? 'without an error'}`)
    if (completed_at !== null) return
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
await run(workerOptionsFrom(process.argv.slice(2), process.env), stop.signal).catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
