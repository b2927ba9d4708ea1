import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Tx } from '../../core/context.ts'
import { KnownIn } from './known-in.ts'

test('a transaction finds what it knows as it was last, and nothing that another one knows', () => {
  const known = new KnownIn<{ id: string; value: number }>(({ id }) => id)
  const [one, other] = [{} as Tx, {} as Tx]
  known.note(one, [{ id: 'a', value: 1 }])
  known.note(one, [{ id: 'a', value: 2 }])
  deepEqual(known.find(one, ['a', 'b']), { known: [{ id: 'a', value: 2 }], unknown: ['b'] })
  deepEqual(known.find(other, ['a']), { known: [], unknown: ['a'] })
  deepEqual(known.find(undefined, ['a']), { known: [], unknown: ['a'] })
})
