import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeIn } from '../testing/error-check.ts'
import { json, startTestNexus } from '../testing/nexus.ts'
import { until } from '../testing/until.ts'

const text = 'x'.repeat(8000)

test('when the ingest log is full a frame is answered 503 with Retry-After, kept nowhere, and taken later', async (t) => {
  const nexus = await startTestNexus(t, { ingestLogMb: 1 })
  const batch = (device_id: string, frames: number, tags = {}) =>
    json(Array.from({ length: frames }, (_, i) => ({ device_id, timestamp: 1762134000 + i, metrics: { text }, tags })))
  const full = await nexus.request('/v1/telemetry/frames/batch', batch('refused', 200, { of: 'refused' }))
  equal(full.status, 503)
  match(full.headers.get('retry-after')!, /^[1-9]\d*$/)
  const error = envelopeIn(await full.text(), 503)
  deepEqual([error.code, error.details.reason], ['SERVICE_UNAVAILABLE', 'ingest_log_full'])

  equal((await nexus.request('/v1/telemetry/frames/batch', batch('kept', 100, { of: 'refused' }))).status, 201)
  const devices = await until('refused values are gone', async () => {
    const { devices } = await nexus.client.telemetry.latest()
    return devices.length === 1 && devices
  })
  deepEqual(
    devices.map(({ device_id }) => device_id),
    ['kept'],
  )
  const range = { start_time: 1762134000, end_time: 1762135000, metrics: 'text', aggregation: 'count' as const }
  const { data } = await nexus.client.telemetry.query({ ...range, tags: 'of:refused', group_by: 'device_id' })
  deepEqual(
    data.map(({ device_id, text }) => [device_id, text]),
    [['kept', 100]],
  )
  equal((await nexus.request('/v1/telemetry/frames/batch', batch('refused', 50))).status, 201)
})
