import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { json, startTestNexus } from '../../testing/nexus.ts'

const frames = '/v1/telemetry/frames'
const range = 'start_time=2025-11-03T00:00:00Z&end_time=2025-11-04T00:00:00Z'
const cases: [what: string, path: string, init: RequestInit, status: number, field: string, issue: RegExp][] = [
  ['a frame beyond the limit', frames, json({ pad: 'x'.repeat(70_000) }), 413, 'body', /at most 65536 bytes/],
  [
    'a batch beyond the limit',
    `${frames}/batch`,
    { method: 'POST', body: Buffer.alloc(17 << 20, 0x20), headers: { 'content-type': 'application/json' } },
    413,
    'body',
    /at most 16777216 bytes/,
  ],
  ['a frame without a body', frames, { ...json({}), body: '' }, 400, 'body', /is empty: expected a frame/],
  ['an abbreviated name', `/v1/telemetry/query?${range}&agg=avg`, {}, 400, 'agg', /did you mean aggregation\?/],
  [
    'an offset whose sign an address took for a blank',
    '/v1/telemetry/query?start_time=2025-11-03T00:00:00+01:00&end_time=2025-11-04T00:00:00Z',
    {},
    400,
    'start_time',
    /written %2B/,
  ],
]

test('a refusal names the field and the limit, or what would be right', async (t) => {
  const nexus = await startTestNexus(t)
  for (const [what, path, init, status, field, issue] of cases) {
    const answer = await nexus.request(path, init)
    const { error } = (await answer.json()) as { error: { details: { field: string; issue: string } } }
    deepEqual([answer.status, error.details.field], [status, field], what)
    match(error.details.issue, issue, what)
  }
  const signed = `start_time=${encodeURIComponent('2025-11-03T00:00:00+01:00')}&end_time=2025-11-04T00:00:00Z`
  equal((await nexus.request(`/v1/telemetry/query?${signed}`)).status, 200)
})

test('who has no key is told which is taken, and a key of another device is not told that its frame is malformed', async (t) => {
  const nexus = await startTestNexus(t)
  for (const [path, init] of [
    ['/v1/devices', {}],
    [frames, json({ device_id: 'd', metrics: { m: 1 } })],
  ] as const) {
    const answer = await nexus.request(path, { ...init, key: null })
    deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, 'Bearer realm="nexus"'])
  }
  const { key } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'mine' })
  const answer = await nexus.request(frames, { ...json({ device_id: 'other', metrics: { m: 1 } }), key })
  const { error } = (await answer.json()) as { error: { message: string; details: { issue: string } } }
  equal(answer.status, 403)
  equal(error.message, 'The key does not permit this')
  match(error.details.issue, /bound to the device mine/)
})
