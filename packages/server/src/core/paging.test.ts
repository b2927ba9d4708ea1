import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { decodeCursor, encodeCursor } from './paging.ts'

test('a cursor comes back as it was given out', () => {
  deepEqual(decodeCursor(encodeCursor([1762134834518, 'key-a']), ['number', 'string']), [1762134834518, 'key-a'])
})

test('a cursor that was never given out is refused, also one that no engine could look up', () => {
  const made = [[], ['a'], ['a', 1], [1.5, 'a'], [1e300, 'a'], [1, 'a\0b'], [1, 'a', 2], 'a', null]
  for (const position of made) {
    const cursor = Buffer.from(JSON.stringify(position)).toString('base64url')
    throws(() => decodeCursor(cursor, ['number', 'string']), { code: 'INVALID_REQUEST' }, JSON.stringify(position))
  }
  throws(() => decodeCursor('nonsense', ['number', 'string']), { code: 'INVALID_REQUEST' })
})
