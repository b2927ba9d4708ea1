import { PgBoss } from 'pg-boss'
import { packageVersion } from '../../harness/package-version.ts'
import type { Peer } from './peer.ts'

const connectionsMax = 10
const batchMax = 1000
/** The least that it allows. */
const pollSeconds = 0.5

export const pgBoss: Peer = {
  name: 'pg-boss',
  description:
    'over PostgreSQL; woken by `NOTIFY`, polling twice a second for what is due later, without a pause while batches are full; `startAfter`; its schedules are one a queue, and are left out',
  version: () => packageVersion('pg-boss'),
  async open({ postgresUrl }) {
    const boss = new PgBoss({
      connectionString: await postgresUrl(),
      max: connectionsMax,
      schedule: false,
      useListenNotify: true,
    })
    let closing = false
    boss.on('error', (error) => {
      // It may still hold connections when it says that it has stopped, and its database is removed then.
      if (!closing) throw error
    })
    await boss.start()
    await boss.createQueue('bench', { notify: true })
    return {
      async add(runs) {
        for (let i = 0; i < runs.length; i += batchMax)
          await boss.insert(
            'bench',
            runs.slice(i, i + batchMax).map(({ id, at }) => ({
              data: { id },
              ...(at !== undefined && { startAfter: new Date(at) }),
            })),
          )
      },
      async work(concurrency, started) {
        const options = {
          batchSize: concurrency,
          pollingIntervalSeconds: pollSeconds,
          notifyPollingIntervalSeconds: pollSeconds,
          burstWhenBatchFull: true,
        }
        await boss.work<{ id: number }>('bench', options, async (jobs) => {
          for (const job of jobs) started(job.data.id)
        })
        return { stop: () => boss.offWork('bench') }
      },
      workOnSchedules: undefined,
      close() {
        closing = true
        return boss.stop({ graceful: false })
      },
    }
  },
}
