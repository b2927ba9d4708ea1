import { Logger, makeWorkerUtils, type ParsedCronItem, parseCronItems, run } from 'graphile-worker'
import pg from 'pg'
import { packageVersion } from '../../harness/package-version.ts'
import type { Peer, Started } from './peer.ts'

const connectionsMax = 10
const batchMax = 1000
/** Jobs that it takes at once; it gives out of them by itself. */
const localSize = 500

export const graphileWorker: Peer = {
  name: 'graphile-worker',
  description:
    'over PostgreSQL; one runner, woken by `NOTIFY`, with its local queue where many are due at once; `runAt`, and a crontab with an item for each schedule',
  version: () => packageVersion('graphile-worker'),
  async open({ postgresUrl }, isBurst) {
    const pool = new pg.Pool({ connectionString: await postgresUrl(), max: connectionsMax + 2 })
    // What fails is told by the query that fails.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    const logger = new Logger(() => () => {})
    const utils = await makeWorkerUtils({ pgPool: pool, logger })
    await utils.migrate()
    const work = async (concurrency: number, started: Started, parsedCronItems: ParsedCronItem[] = []) => {
      const runner = await run({
        pgPool: pool,
        logger,
        noHandleSignals: true,
        parsedCronItems,
        taskList: { bench: async (payload) => started((payload as { id: number }).id) },
        concurrency,
        ...(isBurst && {
          preset: {
            worker: { concurrentJobs: concurrency, localQueue: { size: localSize }, completeJobBatchDelay: 0 },
          },
        }),
      })
      return { stop: () => runner.stop() }
    }
    return {
      async add(runs) {
        const jobs = runs.map(({ id, at }) => ({
          identifier: 'bench',
          payload: { id },
          ...(at !== undefined && { runAt: new Date(at) }),
        }))
        if (jobs.length === 1)
          await utils.addJob('bench', jobs[0]!.payload, { ...(jobs[0]!.runAt && { runAt: jobs[0]!.runAt }) })
        else for (let i = 0; i < jobs.length; i += batchMax) await utils.addJobs(jobs.slice(i, i + batchMax))
      },
      work,
      workOnSchedules: (count, concurrency, started) =>
        work(
          concurrency,
          started,
          parseCronItems(
            Array.from({ length: count }, (_, id) => ({
              task: 'bench',
              match: '* * * * *',
              identifier: `schedule-${id}`,
              payload: { id },
            })),
          ),
        ),
      async close() {
        await utils.release()
        await pool.end()
      },
    }
  },
}
