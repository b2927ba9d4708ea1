import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { deliver } from '../fan-out.ts'
import { openReaders } from '../readers.ts'
import { bareSse } from './bare-sse.ts'
import { bareWs } from './bare-ws.ts'
import { nexusSse, nexusWebSocket } from './nexus.ts'
import { socketIo } from './socket-io.ts'
import { startServer } from './start-server.ts'

for (const peer of [bareWs, bareSse, socketIo, nexusSse, nexusWebSocket]) {
  test(`${peer.name}: what is published reaches every subscriber once`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'nexus-bench-test-'))
    const starting = startServer(peer, join(dir, 'data'), false)
    t.after(async () => {
      await starting.then((server) => server.stop()).finally(() => rmSync(dir, { recursive: true }))
    })
    const server = await starting
    const all = Array.from({ length: 3 }, () => peer.subscription(server.headers))
    const readers = await openReaders(server.port, all)
    t.after(() => readers.close())
    // Throws unless each reader has exactly what was published.
    await deliver(server, readers, 20, 0.1)
    await server.memory()
  })
}
