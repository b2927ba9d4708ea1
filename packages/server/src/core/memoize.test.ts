import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { memoize } from './memoize.ts'

test('what was made of a text is there again, and the oldest goes when there are too many', () => {
  const made: string[] = []
  const lengthOf = memoize(2, (text: string) => {
    made.push(text)
    return text.length
  })
  deepEqual(['a', 'bb', 'a', 'ccc', 'bb', 'a'].map(lengthOf), [1, 2, 1, 3, 2, 1])
  deepEqual(made, ['a', 'bb', 'ccc', 'a'])
})

test('what cannot be made is tried anew each time', () => {
  let tries = 0
  const fails = memoize(2, (text: string, field: string) => {
    tries++
    throw new Error(`${field}: ${text}`)
  })
  throws(() => fails('a', 'one'), /one: a/)
  throws(() => fails('a', 'other'), /other: a/)
  equal(tries, 2)
})
