import { PgBoss } from 'pg-boss'
import { packageVersion } from '../../harness/package-version.ts'
import { connectionsOf } from './nexus.ts'
import type { Peer } from './peer.ts'

/** Its own workers poll, twice a second at most unless a batch was full; clients that fetch by themselves never rest. */
export const pgBoss: Peer = {
  name: 'pg-boss',
  description: 'over PostgreSQL; clients that `fetch` and `complete` without a pause; `insert` for many',
  version: () => packageVersion('pg-boss'),
  async open({ postgresUrl }, mode) {
    const boss = new PgBoss({
      connectionString: await postgresUrl(),
      max: connectionsOf(mode),
      supervise: false,
      schedule: false,
    })
    let closing = false
    boss.on('error', (error) => {
      // It may still hold connections when it says that it has stopped, and its database is removed then.
      if (!closing) throw error
    })
    await boss.start()
    await boss.createQueue('bench')
    return {
      async add(payloads) {
        if (payloads.length === 1) await boss.send('bench', { payload: payloads[0] })
        else
          await boss.insert(
            'bench',
            payloads.map((payload) => ({ data: { payload } })),
          )
      },
      async work(done) {
        let stopped = false
        const client = async () => {
          while (!stopped) {
            const jobs = await boss.fetch('bench', { batchSize: mode.batch })
            if (jobs.length === 0) return
            await boss.complete(
              'bench',
              jobs.map(({ id }) => id),
            )
            done(jobs.length)
          }
        }
        const running = Promise.all(Array.from({ length: mode.clients }, client))
        return {
          async stop() {
            stopped = true
            await running
          },
        }
      },
      async remaining() {
        const { rows } = await boss
          .getDb()
          .executeSql("select count(*)::int as count from pgboss.job where name = 'bench' and state < 'completed'")
        return rows[0].count
      },
      close() {
        closing = true
        return boss.stop({ graceful: false })
      },
    }
  },
}
