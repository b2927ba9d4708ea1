import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { json, startTestNexus } from '../testing/nexus.ts'

test('an id has up to 128 code points, whichever way it comes, and no control characters of any kind', async (t) => {
  const nexus = await startTestNexus(t)
  const statuses = async (id: string) => {
    const frame = json({ device_id: id, metrics: { m: 1 } })
    const path = `/v1/devices/${encodeURIComponent(id)}`
    const put = { ...json({ name: 'n' }), method: 'PUT' }
    return [
      (await nexus.request('/v1/telemetry/frames', frame)).status,
      (await nexus.request(path, put)).status,
      (await nexus.request(path)).status,
    ]
  }
  for (const id of ['a'.repeat(128), '😀'.repeat(65), '😀'.repeat(128)])
    deepEqual(await statuses(id), [201, 200, 200], String(id.length))
  for (const id of ['a'.repeat(129), '😀'.repeat(129), 'x'.repeat(300), 'a\u0085b', 'a\u009f'])
    deepEqual(await statuses(id), [400, 400, 400], JSON.stringify(id))
  const refused = await nexus.request('/v1/telemetry/frames', json({ device_id: '😀'.repeat(129), metrics: { m: 1 } }))
  const { error } = (await refused.json()) as { error: { details: { issue: string } } }
  equal(error.details.issue, 'must have 1 to 128 characters')
})
