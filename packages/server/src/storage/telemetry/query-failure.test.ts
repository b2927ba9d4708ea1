import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../../core/failure.ts'
import { queryFailure } from './query-failure.ts'

const thrown = (type: string, message: string) => Object.assign(new Error(message), { type })

test('memory that the whole process lacks is no fault of the query: it may come again, and the log has the cause', () => {
  // As chDB 26.7 says it.
  const cause = thrown(
    'MEMORY_LIMIT_EXCEEDED',
    '(total) memory limit exceeded: would use 673.43 MiB (attempt to allocate chunk of 6.00 MiB), maximum: 667.57 MiB.',
  )
  const failure = queryFailure(cause, 1 << 30)
  ok(failure instanceof Failure)
  deepEqual(
    [failure.code, failure.details.reason, failure.retryAfterSeconds],
    ['SERVICE_UNAVAILABLE', 'out_of_memory', 5],
  )
  equal(failure.cause, cause)
})

test('what is not of the engine, or no bound, stays as it is', () => {
  for (const cause of [new Error('Query memory limit exceeded'), thrown('UNKNOWN_TABLE', ''), 'text', undefined])
    equal(queryFailure(cause, 1 << 30), cause)
})
