import { equal } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { measureTrips } from '../round-trip.ts'
import { mosquitto } from './mosquitto.ts'
import { nexus } from './nexus.ts'
import { socketIo } from './socket-io.ts'

for (const system of [nexus, mosquitto, socketIo]) {
  test(`${system.name}: whoever sends a command is told what its device answered to that one`, async (t) => {
    if (!system.isHere()) return t.skip('it is not installed')
    const dir = mkdtempSync(join(tmpdir(), 'nexus-bench-test-'))
    const server = await system.start({ dir, pinned: false })
    t.after(async () => {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    })
    // Throws where an answer is another command's, or none comes.
    const trips = await measureTrips(server, { inFlight: [1, 30], windowSeconds: 0.2, idleDevices: 3 })
    equal(trips.length, 2)
    for (const { perSecond } of trips) equal(perSecond > 0, true)
  })
}
