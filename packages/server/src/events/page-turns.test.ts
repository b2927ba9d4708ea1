import { deepEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { PageTurns } from './page-turns.ts'

test('between two pages everything else has its turn, whoever reads them, and also after one that failed', async () => {
  const turns = new PageTurns(1)
  const order: string[] = []
  const read = (name: string) => async () => {
    setImmediate(() => order.push('other'))
    order.push(name)
    if (name === 'b') throw new Error('gone')
    return name
  }
  const pages = ['a', 'b', 'c'].map((name) => turns.take(read(name)))
  await rejects(pages[1]!, /gone/)
  deepEqual([await pages[0], await pages[2]], ['a', 'c'])
  deepEqual(order, ['a', 'other', 'b', 'other', 'c'])
})

test('as many are read at once as may be, and one that hangs holds up only its own place', async () => {
  const turns = new PageTurns(2)
  void turns.take(() => new Promise(() => {}))
  deepEqual(await Promise.all(['a', 'b', 'c'].map((name) => turns.take(async () => name))), ['a', 'b', 'c'])
})
