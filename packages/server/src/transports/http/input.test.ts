import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '@nexus/contract'
import { validator } from '../../core/validate.ts'
import { gatherInput } from './input.ts'

const latest = operations['telemetry.latest']
const rotate = operations['auth.keys.rotate']

test('numbers of a query string are read as such, and what is none is told what would be right', () => {
  const read = (limit: string) => gatherInput(latest, { method: 'GET', params: {}, query: { limit }, body: {} })
  deepEqual(read('10'), { limit: 10 })
  for (const limit of ['ten', '1.5', '0', '1e2', '']) {
    throws(() => validator(latest.input, 'query')(read(limit)), {
      details: {
        field: 'limit',
        issue: 'must be a whole number from 1 to 1000',
        errors: [{ field: 'limit', issue: 'must be a whole number from 1 to 1000' }],
      },
    })
  }
})

const misplaced: [query: Record<string, string>, issue: RegExp][] = [
  [{ grace: '1h' }, /give it in the body/],
  [{ graze: '1h' }, /there is none/],
  [{ ['__proto__']: 'x' }, /there is none/],
]
for (const [query, issue] of misplaced) {
  test(`a POST refuses the query parameter ${Object.keys(query)[0]}, and tells where it belongs`, () => {
    const request = { method: 'POST', params: { key_id: 'key-1' }, query, body: {} }
    throws(
      () => gatherInput(rotate, request),
      (error: { details: { field: string; issue: string } }) =>
        error.details.field === Object.keys(query)[0] && issue.test(error.details.issue),
    )
  })
}
