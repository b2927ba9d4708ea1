import { equal } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../../packages/server/src/testing/until.ts'
import { enginesIn } from '../engines.ts'
import { bullmq } from './bullmq.ts'
import { graphileWorker } from './graphile-worker.ts'
import { nexusPostgres, nexusSqlite } from './nexus.ts'
import { pgBoss } from './pg-boss.ts'

const postgres = process.env.NEXUS_TEST_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test'

for (const peer of [nexusSqlite, nexusPostgres, bullmq, pgBoss, graphileWorker]) {
  for (const mode of [
    { clients: 3, batch: 1 },
    { clients: 2, batch: 10 },
  ]) {
    test(`${peer.name}, ${mode.batch} at a time: what is added is done, and nothing remains`, async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'nexus-bench-test-'))
      const engines = enginesIn(dir, postgres)
      t.after(async () => {
        await engines.stop()
        rmSync(dir, { recursive: true, force: true })
      })
      const needed = peer === bullmq ? engines.redisAvailable() : peer === nexusSqlite || engines.postgresAvailable()
      if (!(await needed)) return t.skip('its engine is not here')
      const queue = await peer.open(engines, mode)
      for (let i = 0; i < 4; i++) await queue.add(Array.from({ length: mode.batch }, () => 'payload'))
      equal(await queue.remaining(), 4 * mode.batch)
      const workers = await queue.work(() => {})
      await until('all is done', async () => (await queue.remaining()) === 0)
      await workers.stop()
      await queue.close()
    })
  }
}
