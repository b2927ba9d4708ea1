import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { doDue, doEach } from './due-work.ts'

const failing = new Error('no')

test('what cannot be done is told, and the others are done', async () => {
  const [done, told] = [[] as number[], [] as unknown[]]
  const act = async (one: number) => {
    if (one === 2) throw failing
    done.push(one)
  }
  equal(await doEach([1, 2, 3], act, (cause) => told.push(cause)), false)
  deepEqual([done, told], [[1, 3], [failing]])
  equal(await doEach([1, 3], act, (cause) => told.push(cause)), true)
})

test('what is due is done in parts until a part is not full', async () => {
  const waiting = [1, 2, 3, 4, 5]
  const parts: (readonly number[])[] = []
  const act = async (due: readonly number[]) => {
    parts.push(due)
    return true
  }
  equal(await doDue(2, async (atOnce) => waiting.splice(0, atOnce), act), true)
  deepEqual(parts, [[1, 2], [3, 4], [5]])
})

test('a part that was not done ends it, for it would be due again at once', async () => {
  let looks = 0
  const due = async () => {
    looks++
    return [1, 2]
  }
  equal(await doDue(2, due, async () => false), false)
  equal(looks, 1)
})
