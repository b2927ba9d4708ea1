import { Queue, Worker } from 'bullmq'
import { packageVersion } from '../../harness/package-version.ts'
import { inParallel } from './nexus.ts'
import type { Peer, Started } from './peer.ts'

export const bullmq: Peer = {
  name: 'bullmq',
  description: 'over Redis with `appendfsync always`; one worker; `delay`, and job schedulers with a pattern',
  version: () => packageVersion('bullmq'),
  async open({ redisPort }) {
    const connection = { host: '127.0.0.1', port: await redisPort(), maxRetriesPerRequest: null }
    const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } })
    await queue.waitUntilReady()
    const work = async (concurrency: number, started: Started) => {
      const worker = new Worker('bench', async (job) => started(job.data.id), { connection, concurrency })
      worker.on('error', (error) => {
        throw error
      })
      await worker.waitUntilReady()
      return { stop: () => worker.close() }
    }
    return {
      async add(runs) {
        const jobs = runs.map(({ id, at }) => ({
          name: 'job',
          data: { id },
          opts: at === undefined ? {} : { delay: Math.max(0, at - Date.now()) },
        }))
        if (jobs.length === 1) await queue.add(jobs[0]!.name, jobs[0]!.data, jobs[0]!.opts)
        else for (let i = 0; i < jobs.length; i += 1000) await queue.addBulk(jobs.slice(i, i + 1000))
      },
      work,
      async workOnSchedules(count, concurrency, started) {
        await inParallel(
          Array.from({ length: count }, (_, id) => id),
          async (id) => {
            await queue.upsertJobScheduler(`schedule-${id}`, { pattern: '* * * * *' }, { name: 'job', data: { id } })
          },
        )
        return work(concurrency, started)
      },
      close: () => queue.close(),
    }
  },
}
