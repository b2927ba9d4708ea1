import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matchesTags, parseTagFilter } from './tag-filter.ts'

const tags = { environment: 'production', region: 'us-west-2', url: 'http://a:80/', odd: 'a,b|c*', empty: '' }

const cases: [filter: string, matches: boolean][] = [
  ['environment:production', true],
  ['environment:staging', false],
  ['environment:prod', false],
  ['environment:Production', false],
  ['environment:production,region:us-west-2', true],
  ['environment:production,region:eu', false],
  ['environment:staging|production', true],
  ['environment:staging|test', false],
  ['!environment:staging', true],
  ['!environment:production', false],
  ['!environment:staging|production', false],
  ['!absent:x', true],
  ['absent:x', false],
  ['environment:*', true],
  ['empty:*', true],
  ['absent:*', false],
  ['!absent:*', true],
  ['!environment:*', false],
  ['region:us-*', true],
  ['region:eu-*', false],
  ['region:eu-*|us-*', true],
  ['url:http://a:80/', true],
  ['odd:a\\,b\\|c\\*', true],
  ['odd:a\\,b*', true],
  ['odd:a\\,b\\|c*', true],
  ['\\!x:y', false],
  ['constructor:*', false],
  ['toString:*', false],
]

test('conditions match as documented', () => {
  for (const [filter, matches] of cases) equal(matchesTags(parseTagFilter(filter), tags), matches, filter)
})

test('a filter is read to the conditions that it states', () => {
  deepEqual(parseTagFilter('!a:b|c*|*'), [
    {
      key: 'a',
      negated: true,
      patterns: [
        { kind: 'equals', value: 'b' },
        { kind: 'prefix', value: 'c' },
        { kind: 'exists', value: '' },
      ],
    },
  ])
})

test('what is no filter is refused', () => {
  const many = Array(33).fill('a:b').join(',')
  for (const text of [
    '',
    'a',
    ':b',
    'a:',
    '!',
    '!:b',
    'a:b,',
    ',a:b',
    'a\\:b',
    'a:b\\',
    many,
    `a:${Array(101).fill('b').join('|')}`,
  ])
    throws(() => parseTagFilter(text), { code: 'INVALID_REQUEST' }, text)
})

test('any key and value match when their special characters are escaped', () => {
  const escaped = (text: string) => text.replaceAll(/[\\,|*:!]/g, '\\$&')
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.string({ minLength: 1 }),
      fc.string({ minLength: 1 }),
      (key, value, other) => {
        const filter = parseTagFilter(`${escaped(key)}:${escaped(value)}`)
        equal(matchesTags(filter, Object.fromEntries([[key, value]])), true)
        equal(matchesTags(filter, Object.fromEntries([[key, other]])), other === value)
      },
    ),
  )
})
