import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { type DueWork, doAllDue, failedAmong } from './due-work.ts'
import { fail } from './failure.ts'

const failing = new Error('no')

test('what cannot be done is told, and the others are done', async () => {
  const [done, told] = [[] as number[], [] as unknown[]]
  const act = async (one: number) => {
    if (one === 2) throw failing
    done.push(one)
  }
  const onError = (cause: unknown) => void told.push(cause)
  deepEqual(await failedAmong([1, 2, 3], act, { onError }), [2])
  deepEqual([done, told], [[1, 3], [failing]])
  deepEqual(await failedAmong([1, 3], act, { onError }), [])
})

/** Numbers up to one, of which some cannot be done. */
function numbers(upTo: number, isBad: (one: number) => boolean) {
  const done: number[] = []
  const left = new Set(Array.from({ length: upTo }, (_, i) => i))
  const work: DueWork<number, number> = {
    atOnce: 10,
    find: async (passedOver) => [...left].slice(0, 10 + passedOver.size),
    idOf: (one) => one,
    act: async (due) => {
      for (const one of due.filter((one) => !isBad(one))) {
        left.delete(one)
        done.push(one)
      }
      return due.filter(isBad)
    },
  }
  return { done, left, work }
}

test('however much cannot be done, what is due behind it is done, of each kind', async () => {
  const first = numbers(100, (one) => one < 60)
  const second = numbers(25, (one) => one === 0)
  equal(await doAllDue([first.work, second.work], () => false), false)
  deepEqual([first.done.length, first.left.size, second.done.length, second.left.size], [40, 60, 24, 1])
  const sound = numbers(100, () => false)
  equal(await doAllDue([sound.work], () => false), true)
  equal(sound.left.size, 0)
})

test('nothing more is begun once it is stopped', async () => {
  const first = numbers(100, () => false)
  const second = numbers(100, () => false)
  await doAllDue([first.work, second.work], () => first.done.length >= 20)
  deepEqual([first.done.length, second.done.length], [20, 10])
  const done: number[] = []
  const act = async (one: number) => void done.push(one)
  await failedAmong([1, 2, 3, 4, 5], act, { onError: () => {}, besides: 2, isStopped: () => done.length >= 2 })
  deepEqual(done, [1, 2])
})

test('what others want at the same moment is passed over alone', async () => {
  const act = async (one: number) => {
    if (one === 1) throw fail('SERVICE_UNAVAILABLE', { reason: 'state_contention' })
  }
  deepEqual(await failedAmong([1, 2], act, { onError: () => {} }), [1])
})

test('where the state itself fails nothing is passed over', async () => {
  const act = async () => {
    throw fail('SERVICE_UNAVAILABLE', { reason: 'state_closed' })
  }
  const told: unknown[] = []
  await rejects(failedAmong([1, 2], act, { onError: (cause) => told.push(cause) }), { code: 'SERVICE_UNAVAILABLE' })
  deepEqual(told, [])
})
