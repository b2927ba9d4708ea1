import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Run, RunOrder } from '@nexus/contract'
import { createClient, type NexusClient } from '@nexus/sdk'
import { freePort, spawnNexus } from './testing/child-nexus.ts'
import { testFolder } from './testing/nexus.ts'
import { until } from './testing/until.ts'

const kills = 6
const executions = 300
const workers = 4
const abandoned = 5

/** A worker without a memory of its own: what it has in hand is lost when its process is. */
class Worker {
  readonly done = new Map<string, number>()
  #left: number
  #isStopped = false

  constructor(abandons: number) {
    this.#left = abandons
  }

  stop(): void {
    this.#isStopped = true
  }

  async run(client: NexusClient, worker_id: string): Promise<void> {
    while (!this.#isStopped) {
      try {
        const leased = await client.workers.lease({ worker_id, names: ['work', 'tick'], max: 5, wait_seconds: 1 })
        for (const order of leased?.runs ?? []) await this.#work(client, order)
      } catch {
        await pause(20)
      }
    }
  }

  async #work(client: NexusClient, { run_id, lease_token, parameters, attempt }: RunOrder): Promise<void> {
    if (parameters.kill === true && attempt === 1 && this.#left-- > 0) return
    for (;;) {
      try {
        await client.runs.complete({ run_id, lease_token, result: { by: run_id } })
        this.done.set(run_id, (this.done.get(run_id) ?? 0) + 1)
        return
      } catch (error) {
        if ((error as { code?: string }).code === 'CONFLICT') return
        await pause(20)
      }
    }
  }
}

async function persistently<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch {
      await pause(20)
    }
  }
}

async function allRuns(client: NexusClient, task_id: string): Promise<Run[]> {
  const runs: Run[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await client.tasks.runs.list({ task_id, limit: 100, ...(cursor && { cursor }) })
    runs.push(...page.runs)
    if (page.next_cursor === null) return runs
    cursor = page.next_cursor
  }
}

test('killed again and again, as its workers are, a server loses no run and no tick, and none is completed twice', async (t) => {
  const env = { NEXUS_DATA_DIR: testFolder(t), NEXUS_PORT: String(await freePort()) }
  let nexus = await spawnNexus(t, env)
  const key = readFileSync(join(env.NEXUS_DATA_DIR, 'admin.key'), 'utf8').trim()
  const client = createClient({ url: nexus.url, apiKey: key, retry: false })
  const clock = { type: 'scheduled', overlap: 'allow', misfire: { policy: 'run_all', max: 100 } } as const
  const ticking = await client.tasks.create({ name: 'tick', ...clock, schedule: { every: '1s' } })
  const task = await client.tasks.create({ name: 'work', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })

  const all = Array.from({ length: workers }, (_, i) => new Worker(i === 0 ? abandoned : 0))
  const running = all.map((worker, i) => worker.run(client, `worker-${i}`))
  const executing = Promise.all(
    Array.from({ length: executions }, (_, n) =>
      persistently(() =>
        client.tasks.execute(
          { task_id: task.task_id, parameters: { kill: n % 20 === 0 } },
          { idempotencyKey: `execution-${n}` },
        ),
      ),
    ),
  )
  for (let kill = 0; kill < kills; kill++) {
    await pause(randomInt(200, 1200))
    nexus.process.kill('SIGKILL')
    await nexus.ended
    nexus = await spawnNexus(t, env)
  }
  const ids = (await executing).map(({ run_id }) => run_id)
  equal(new Set(ids).size, executions)
  const end_at = new Date(Date.now() + 2000).toISOString()
  await client.tasks.update({ task_id: ticking.task_id, schedule: { end_at } })
  await until(
    'every run and every tick has ended',
    async () => {
      const ended = await client.tasks.get({ task_id: ticking.task_id })
      const { active_runs } = await client.tasks.get({ task_id: task.task_id })
      return active_runs === 0 && ended.status === 'completed'
    },
    90_000,
  )
  for (const worker of all) worker.stop()
  await Promise.all(running)

  const runs = await allRuns(client, task.task_id)
  deepEqual(new Set(runs.map(({ run_id }) => run_id)), new Set(ids))
  deepEqual(new Set(runs.map(({ status }) => status)), new Set(['completed']))
  const { events } = await client.events.list({ types: 'task.completed', limit: 1000 })
  const ends = events.filter(({ subject }) => subject === task.task_id).map(({ data }) => data.run_id)
  equal(ends.length, executions)
  equal(new Set(ends).size, executions)
  ok(runs.some(({ attempt }) => attempt > 1))

  const ticks = (await allRuns(client, ticking.task_id))
    .map(({ scheduled_for }) => Date.parse(scheduled_for!))
    .reverse()
  equal(new Set(ticks).size, ticks.length)
  const gaps = ticks.slice(1).map((tick, i) => tick - ticks[i]!)
  deepEqual(new Set(gaps), new Set([1000]))
})
