import { deepEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { testFolder } from '../../testing/nexus.ts'
import { openTelemetryRoom } from '../../testing/telemetry-room.ts'
import { migrateIngestLog, migrations } from './schema.ts'

test('what a log of the first version still holds is in the store after the start', async (t) => {
  const folder = testFolder(t)
  const db = new DatabaseSync(join(folder, 'ingest.db'))
  migrateIngestLog(db, migrations.slice(0, 1))
  const lines = [
    `["d",1762134000000000,12345678901234567890,9876543210987654321,1,["m","n"],[452,${bitsOf(1 / 3)}],[1,-1],[],[]]`,
    '["e",1762134060000000,0,0,2,["on","state","list"],[1,0,0],[0,0,0],[2,3,4],["","up","[1,\\"ä\\"]"]]',
  ]
  db.prepare(`INSERT INTO log (frames, bytes, min_at, max_at, appended_at, hours, tag_sets, metadata_sets, lines)
    VALUES (2, 1, 1762134000000000, 1762134060000000, 1, '[{"hour":489481,"device":"d"}]', ?, ?, ?)`).run(
    '[12345678901234567890,{"region":"eu","role":"öl"}]\n',
    `[9876543210987654321,${JSON.stringify('{"version":"1.2"}')}]\n`,
    `${lines.join('\n')}\n`,
  )
  db.close()

  const { room, ctx } = await openTelemetryRoom(t, { folder })
  const { devices } = await room.handlers['telemetry.latest'](ctx, {})
  deepEqual(
    devices.map(({ device_id, tags, metadata, metrics }) => [
      device_id,
      tags,
      metadata,
      Object.entries(metrics).map(([name, { value }]) => [name, value]),
    ]),
    [
      [
        'd',
        { region: 'eu', role: 'öl' },
        { version: '1.2' },
        [
          ['m', 45.2],
          ['n', 1 / 3],
        ],
      ],
      [
        'e',
        {},
        {},
        [
          ['list', [1, 'ä']],
          ['on', true],
          ['state', 'up'],
        ],
      ],
    ],
  )
})

function bitsOf(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigInt64(0)
}
