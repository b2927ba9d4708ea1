import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { violationsOf } from '../../../scripts/architecture.ts'
import { expectedIn, foundIn } from '../../../scripts/fixtures.ts'
import { importsOf } from '../../../scripts/imports.ts'
import { readSources } from '../../../scripts/sources.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const everything = ['packages/**/*.ts', 'examples/**/*.ts']

test('nothing in the repository is imported against the architecture', () => {
  const sources = readSources(root, ['packages/*/src/**/*.ts', 'examples/*/src/**/*.ts'])
  assert.ok(sources.size > 20)
  assert.deepEqual(violationsOf(sources), [])
})

test('each violation in the fixtures is found, with its mend, and nothing else is', () => {
  const sources = readSources(`${root}/scripts/fixtures/architecture`, everything)
  const found = violationsOf(sources)
  assert.deepEqual(foundIn(found), expectedIn(sources))
  for (const violation of found) assert.ok(violation.mend.length > 10 && violation.line > 1, violation.file)
})

test('imports are found in every form, and comments and texts are none', () => {
  const source = `import a from 'a'
import type { B } from "b"
import { type C, type D } from 'c'
import { type E, f } from 'e'
import {
  g, // from 'not-this'
  h as i,
} from 'g'
import * as j from 'j'
import 'k'
export * from 'l'
export type { M } from 'm'
const n = await import('n')
type O = typeof import('o')
type P = import('p').P
const q = require('q')
import r, { s } from 'r'
// import t from 't'
/* import u from 'u' */
const v = "import w from 'w'"
export const x = { from: 'x' }
`
  const found = importsOf(source).toSorted((one, other) => one.line - other.line)
  assert.deepEqual(
    found.map(({ specifier, typeOnly, line }) => `${line} ${specifier}${typeOnly ? ' type' : ''}`),
    [
      '1 a',
      '2 b type',
      '3 c type',
      '4 e',
      '8 g',
      '9 j',
      '10 k',
      '11 l',
      '12 m type',
      '13 n',
      '14 o type',
      '15 p type',
      '16 q',
      '17 r',
    ],
  )
})
