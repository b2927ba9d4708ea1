import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { packageVersion } from '../../harness/package-version.ts'
import type { Peer } from './peer.ts'

export const bullmq: Peer = {
  name: 'bullmq',
  description:
    'over Redis with `appendfsync always`; one worker with as many jobs in hand as all clients; adds in bulk',
  version: () => packageVersion('bullmq'),
  async open({ redisPort }, { clients, batch }) {
    const connection = { host: '127.0.0.1', port: await redisPort(), maxRetriesPerRequest: null }
    const redis = new Redis(connection)
    await redis.flushall()
    const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } })
    await queue.waitUntilReady()
    return {
      async add(payloads) {
        if (payloads.length === 1) await queue.add('job', { payload: payloads[0] })
        else await queue.addBulk(payloads.map((payload) => ({ name: 'job', data: { payload } })))
      },
      async work(done) {
        const worker = new Worker('bench', async (job) => job.data.payload.length, {
          connection,
          concurrency: clients * batch,
        })
        worker.on('completed', () => done(1))
        worker.on('error', (error) => {
          throw error
        })
        return { stop: () => worker.close() }
      },
      remaining: async () => (await queue.getWaitingCount()) + (await queue.getActiveCount()),
      async close() {
        await queue.close()
        await redis.quit()
      },
    }
  },
}
