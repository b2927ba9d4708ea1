import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readCommaList } from './escaped-text.ts'
import type { Failure } from './failure.ts'

const lists: [text: string, entries: string[]][] = [
  ['a', ['a']],
  ['a,b', ['a', 'b']],
  [' a , b c ,', ['a', 'b c', '']],
  ['a\\,b,c', ['a,b', 'c']],
  ['a\\\\,b', ['a\\', 'b']],
  ['\\a\\b', ['ab']],
  ['a\\ ,\\ b', ['a ', ' b']],
  ['', ['']],
  ['   ', ['']],
]

test('a list is cut at commas, and a backslash takes the next character as it is', () => {
  for (const [text, entries] of lists) deepEqual(readCommaList(text, 'metrics'), entries, JSON.stringify(text))
})

test('a lone backslash at the end is refused, and the field is named', () => {
  for (const text of ['\\', 'a\\', 'a,b\\\\\\'])
    throws(
      () => readCommaList(text, 'metrics'),
      ({ code, details }: Failure) => code === 'INVALID_REQUEST' && details.field === 'metrics',
    )
})

test('any entries come back when commas, backslashes and blanks at the ends are escaped', () => {
  const escaped = (text: string) => text.replaceAll(/[\\,\s]/g, '\\$&')
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (entries) => {
      deepEqual(readCommaList(entries.map(escaped).join(','), 'metrics'), entries)
    }),
  )
})
