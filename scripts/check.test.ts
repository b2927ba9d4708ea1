import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lintDocuments, root, staleFiles } from './check-steps.ts'
import { expectedIn, foundIn } from './fixtures.ts'
import { generatedFiles } from './generated-files.ts'
import { lockGaps } from './lock-rules.ts'
import { readSources } from './sources.ts'
import { styleViolationsOf } from './style-rules.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'nexus-check-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

function writeGenerated(into: string, change: (text: string) => string = (text) => text): void {
  for (const [path, text] of generatedFiles()) {
    mkdirSync(dirname(join(into, path)), { recursive: true })
    writeFileSync(join(into, path), change(text))
  }
}

test('long files, empty names and twin functions in the fixtures are found, and nothing else is', () => {
  const sources = readSources(join(root, 'scripts/fixtures/style'), ['packages/**/*.ts'])
  assert.deepEqual(foundIn(styleViolationsOf(sources)), expectedIn(sources))
})

test('a platform that is missing from the lock file is found, and nothing else is', () => {
  const lock = JSON.parse(readFileSync(join(root, 'scripts/fixtures/lock/package-lock.json'), 'utf8'))
  assert.deepEqual(lockGaps(lock), [
    'package-lock.json: node_modules/b needs b-darwin, which is not locked',
    'package-lock.json: node_modules/b needs c, which is not locked',
  ])
})

test('generated files are stale when they are missing or differ by one character', (t) => {
  const path = folder(t)
  assert.equal(staleFiles(path).split('\n').length, generatedFiles().size)
  writeGenerated(path)
  assert.equal(staleFiles(path), '')
  writeGenerated(path, (text) => `${text} `)
  assert.equal(staleFiles(path).split('\n').length, generatedFiles().size)
})

test('the OpenAPI document passes the linter, and one with a dangling reference does not', async (t) => {
  const path = folder(t)
  writeGenerated(path)
  const file = join(path, 'docs/openapi.json')
  assert.equal(await lintDocuments(file), '')
  writeGenerated(path, (text) => text.replace('#/components/schemas/Error"', '#/components/schemas/Gone"'))
  assert.match(await lintDocuments(file), /no-unresolved-refs/)
})
