import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '../../../packages/sdk/src/index.ts'
import { nexusEnv, nexusVersion, root } from '../../harness/nexus-source.ts'
import { freePort, startUntilOk } from '../../harness/server-process.ts'
import type { Due, Peer, Started } from './peer.ts'

const addsAtOnce = 50

export const nexus: Peer = {
  name: 'nexus',
  description: 'the server over SQLite, each commit synced; an SDK worker and the client over HTTP',
  version: nexusVersion,
  async open({ dir }) {
    const { server, client } = await startNexus(dir)
    const task = await client.tasks.create({ name: 'bench', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
    const add = async ({ id, at }: Due) => {
      const parameters = { id }
      if (at === undefined) await client.tasks.execute({ task_id: task.task_id, parameters })
      else {
        const schedule = { run_at: new Date(at).toISOString() }
        await client.tasks.create({ name: 'bench', type: 'one_time', schedule, parameters })
      }
    }
    const work = async (concurrency: number, started: Started) => {
      const worker = client.worker({ concurrency, callsPerSecond: 1_000_000 })
      worker.handle('bench', async (run) => started((run.parameters as { id: number }).id))
      worker.start()
      return { stop: () => worker.stop() }
    }
    return {
      add: (runs) => inParallel(runs, add),
      work,
      async workOnSchedules(count, concurrency, started) {
        await inParallel(
          Array.from({ length: count }, (_, id) => id),
          async (id) => {
            const schedule = { cron: '* * * * *' }
            await client.tasks.create({ name: 'bench', type: 'scheduled', schedule, parameters: { id } })
          },
        )
        return work(concurrency, started)
      },
      close: () => server.stop(),
    }
  },
}

/** A server, and a client that may do everything. */
export async function startNexus(dir: string) {
  mkdirSync(dir, { recursive: true })
  const port = await freePort()
  const data = join(dir, 'data')
  const launch = {
    command: process.execPath,
    args: [join(root, 'packages/server/src/main.ts')],
    env: nexusEnv(data, port),
  }
  const url = `http://127.0.0.1:${port}`
  const server = await startUntilOk('nexus', launch, `${url}/readyz`, join(dir, 'nexus.log'))
  const apiKey = readFileSync(join(data, 'admin.key'), 'utf8').trim()
  return { server, client: createClient({ url, apiKey, retry: false }) }
}

export async function inParallel<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const left = all.values()
  const client = async () => {
    for (const one of left) await act(one)
  }
  await Promise.all(Array.from({ length: Math.min(addsAtOnce, all.length) }, client))
}
