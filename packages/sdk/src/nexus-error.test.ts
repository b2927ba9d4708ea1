import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf } from './nexus-error.ts'

const rows: [status: number, code: string][] = [
  [401, 'UNAUTHORIZED'],
  [413, 'INVALID_REQUEST'],
  [418, 'INVALID_REQUEST'],
  [500, 'INTERNAL_ERROR'],
  [502, 'SERVICE_UNAVAILABLE'],
  [503, 'SERVICE_UNAVAILABLE'],
  [504, 'TIMEOUT'],
  [520, 'INTERNAL_ERROR'],
]
for (const [status, code] of rows) {
  test(`a proxy's page with status ${status} is ${code}`, () => {
    equal(errorOf(new Response(null, { status }), '<html>').code, code)
  })
}

test('an unknown code of a newer server falls back to the status', () => {
  const text = JSON.stringify({ error: { code: 'BRAND_NEW', message: 'm', details: null, request_id: 'r' } })
  const error = errorOf(new Response(null, { status: 409, headers: { 'retry-after': '4' } }), text)
  equal(error.code, 'CONFLICT')
  equal(error.message, 'm')
  equal(error.requestId, 'r')
  equal(error.retryAfterSeconds, 4)
})
