import type { NexusClient } from '@nexus/sdk'

export const handlerName = 'telemetry.daily-rollup'
export const queue = 'rollups'
const tag = { example: 'daily-rollup' }

/** The id of the task, which is made unless there is one with its tag: five past midnight, also for days that were missed. */
export async function rollupTask(client: NexusClient): Promise<string> {
  const tags = Object.entries(tag).map(([key, value]) => `${key}:${value}`)
  const { tasks } = await client.tasks.list({ tags: tags.join(), limit: 1 })
  if (tasks[0]) return tasks[0].task_id
  const { task_id } = await client.tasks.create({
    name: 'Daily roll-up of telemetry',
    type: 'scheduled',
    schedule: { cron: '5 0 * * *', timezone: 'UTC' },
    handler: { type: 'worker', queue, name: handlerName },
    retry_policy: { max_retries: 5, initial_delay_seconds: 10, backoff_multiplier: 2 },
    misfire: { policy: 'run_all', grace_seconds: 7 * 86_400, max: 7 },
    overlap: 'queue_all',
    timeout_seconds: 3600,
    tags: tag,
  })
  return task_id
}
