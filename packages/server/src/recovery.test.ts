import { ok } from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'node:test'
import { formatKey, newKeyParts } from '@nexus/contract'
import { spawnNexus } from './testing/child-nexus.ts'
import { assertKept, emptyLedger, startLoad } from './testing/load.ts'
import { testFolder } from './testing/nexus.ts'
import { until } from './testing/until.ts'

const kills = 20

function newAdminKey(): string {
  const { id, secret } = newKeyParts((count) => randomBytes(count))
  return formatKey(id, secret)
}

test('killed twenty times under load, a server starts by itself and holds every acknowledged frame, once and whole', async (t) => {
  const key = newAdminKey()
  // Hours are rolled up after a second of quiet, so that kills also hit roll-ups.
  const env = {
    NEXUS_DATA_DIR: testFolder(t),
    NEXUS_ADMIN_KEY: key,
    NEXUS_ROLLUP_QUIET_SECONDS: '1',
    NEXUS_QUERY_TIMEOUT_SECONDS: '1',
    NEXUS_QUERY_CONCURRENCY: '2',
  }
  const ledger = emptyLedger()
  for (let kill = 0; kill < kills; kill++) {
    const nexus = await spawnNexus(t, env)
    const load = startLoad(nexus.url, key, ledger)
    await load.acknowledged(randomInt(1, 600))
    nexus.process.kill('SIGKILL')
    await Promise.all([nexus.ended, load.ended])
  }
  ok(ledger.unsure.size > 0)
  t.diagnostic(`${ledger.acknowledged.size} frames acknowledged, ${ledger.unsure.size} in doubt`)

  const nexus = await spawnNexus(t, { ...env, NEXUS_QUERY_TIMEOUT_SECONDS: '2' })
  await assertKept(nexus.url, key, ledger)
  await until('all hours are rolled up', async () => {
    const text = await (await fetch(`${nexus.url}/metrics`)).text()
    return /^nexus_rollup_dirty_hours 0$/m.test(text)
  })
  await assertKept(nexus.url, key, ledger)
})
