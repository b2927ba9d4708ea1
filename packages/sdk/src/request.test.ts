import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '@nexus/contract'
import { requestOf } from './request.ts'

const range = { start_time: '2025-11-03T00:00:00Z', end_time: '2025-11-03T02:00:00Z' }

test('a read puts lists into the query, comma-separated, and leaves out what is undefined', () => {
  const call = requestOf(operations['telemetry.query'], { ...range, device_id: ['a', 'b'], tags: undefined })
  equal(call.method, 'GET')
  deepEqual(Object.fromEntries(new URL(call.path, 'http://x').searchParams), { ...range, device_id: 'a,b' })
  equal(call.body, undefined)
})

test('commas and backslashes in the items of a list are escaped, in a lone text nothing is', () => {
  const parameters = (device_id: string | string[]) =>
    new URL(requestOf(operations['telemetry.latest'], { device_id }).path, 'http://x').searchParams.get('device_id')
  equal(parameters(['a,b', 'c\\', 'd']), 'a\\,b,c\\\\,d')
  equal(parameters('a,b\\,c'), 'a,b\\,c')
})

test('a query that is too long for a URL goes as a body', () => {
  const device_id = Array.from({ length: 1000 }, (_, index) => `device-${index}`)
  const call = requestOf(operations['telemetry.query'], { ...range, device_id })
  equal(`${call.method} ${call.path}`, 'POST /v1/telemetry/query')
  deepEqual(JSON.parse(call.body!), { ...range, device_id })
})

test('path fields leave the body', () => {
  const call = requestOf(operations['auth.keys.rotate'], { key_id: 'key 1', grace: '1h' })
  deepEqual(call, { method: 'POST', path: '/v1/auth/keys/key%201/rotate', body: '{"grace":"1h"}' })
})

test('a missing path field is refused before anything is sent', () => {
  throws(() => requestOf(operations['auth.keys.revoke'], {}), TypeError)
})
