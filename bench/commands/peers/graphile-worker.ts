import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import pg from 'pg'
import { packageVersion } from '../../harness/package-version.ts'
import { connectionsOf } from './nexus.ts'
import type { Peer } from './peer.ts'

/** In batches it works from a local queue, and completes together what ends within a moment. */
export const graphileWorker: Peer = {
  name: 'graphile-worker',
  description:
    'over PostgreSQL; one runner with as many jobs at once as clients; in batches `addJobs`, its local queue, and completion together',
  version: () => packageVersion('graphile-worker'),
  async open({ postgresUrl }, mode) {
    const pool = new pg.Pool({ connectionString: await postgresUrl(), max: connectionsOf(mode) + 2 })
    // What fails is told by the query that fails.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    const logger = new Logger(() => () => {})
    const utils = await makeWorkerUtils({ pgPool: pool, logger })
    await utils.migrate()
    return {
      async add(payloads) {
        if (payloads.length === 1) await utils.addJob('bench', { payload: payloads[0] })
        else await utils.addJobs(payloads.map((payload) => ({ identifier: 'bench', payload: { payload } })))
      },
      async work(done) {
        const together = mode.batch > 1
        const runner = await run({
          pgPool: pool,
          logger,
          noHandleSignals: true,
          taskList: { bench: async () => {} },
          concurrency: mode.clients,
          preset: {
            worker: {
              concurrentJobs: mode.clients,
              ...(together && { localQueue: { size: mode.clients * mode.batch }, completeJobBatchDelay: 0 }),
            },
          },
        })
        runner.events.on('job:complete', ({ error }) => {
          if (!error) done(1)
        })
        return { stop: () => runner.stop() }
      },
      async remaining() {
        const { rows } = await pool.query('select count(*)::int as count from graphile_worker.jobs')
        return rows[0].count
      },
      async close() {
        await utils.release()
        await pool.end()
      },
    }
  },
}
