import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { Tx } from '../../core/context.ts'
import { AtHand, jsonSize } from './at-hand.ts'
import { KnownIn } from './known-in.ts'
import { endTransaction, openTransaction } from './transaction.ts'

interface Kept {
  id: string
  value: unknown
  isOver?: boolean
}

function open({ ownBytes = 1, bytesMax = 1000 } = {}) {
  const isWorth = ({ isOver = false }: Kept) => !isOver
  const atHand = new AtHand<Kept>({ ownBytes, bytesMax, isWorth, bytesOf: ({ value }) => jsonSize(value) })
  const known = new KnownIn<Kept>(({ id }) => id, atHand)
  const begin = () => openTransaction(undefined as never)
  const write = (tx: Tx, id: string, value: unknown, isOver = false) => known.note(tx, [{ id, value, isOver }])
  const seen = (id: string) => known.find(begin(), [id]).known[0]?.value
  return { known, begin, write, seen }
}

test('the next transaction sees what the one before left, before that is committed; readers outside do not', () => {
  const { known, begin, write, seen } = open()
  const tx = begin()
  write(tx, 'a', 1)
  equal(seen('a'), undefined)
  write(tx, 'a', 2)
  const ended = endTransaction(tx, true)
  equal(seen('a'), 2)
  equal(known.find(undefined, ['a']).known.length, 0)
  ended(true)
  equal(seen('a'), 2)
})

test('what rolls back by itself is never seen', () => {
  const { begin, write, seen } = open()
  const [first, second] = [begin(), begin()]
  write(first, 'a', 1)
  const ended = endTransaction(first, true)
  write(second, 'a', 2)
  const undone = endTransaction(second, false)
  equal(seen('a'), 1)
  ended(true)
  undone(false)
  equal(seen('a'), undefined)
})

test('where the commit of a group fails, nothing stays at hand that any of it left', () => {
  const { begin, write, seen } = open()
  const [first, second] = [begin(), begin()]
  write(first, 'a', 1)
  const ends = [endTransaction(first, true)]
  write(second, 'a', 2)
  write(second, 'b', 3)
  ends.push(endTransaction(second, true))
  for (const ended of ends) ended(false)
  deepEqual([seen('a'), seen('b')], [undefined, undefined])
})

test('what a transaction makes of a record without writing it is seen by nobody after it', () => {
  const { known, begin, write, seen } = open()
  const [first, second] = [begin(), begin()]
  write(first, 'a', 1)
  endTransaction(first, true)(true)
  known.find(second, ['a']).known[0]!.value = 99
  equal(known.find(second, ['a']).known[0]!.value, 99)
  endTransaction(second, true)(true)
  equal(seen('a'), 1)
})

test('no more are kept than may be, the newest ones, and none that is over', () => {
  const keptOf = (limits: { ownBytes?: number; bytesMax?: number }, over: string[] = []) => {
    const { begin, write, seen } = open(limits)
    const tx = begin()
    for (const id of ['a', 'b', 'c']) write(tx, id, 'ten bytes')
    for (const id of over) write(tx, id, 'x', true)
    endTransaction(tx, true)(true)
    return ['a', 'b', 'c'].filter((id) => seen(id) !== undefined)
  }
  deepEqual(keptOf({}), ['a', 'b', 'c'])
  deepEqual(keptOf({ ownBytes: 400 }), ['b', 'c'])
  deepEqual(keptOf({ bytesMax: 15 }), ['c'])
  deepEqual(keptOf({}, ['b']), ['a', 'c'])
})
