import assert from 'node:assert/strict'
import { test } from 'node:test'
import { docsAssets, docsContentSecurityPolicy } from './docs-page.ts'

const assets = docsAssets()
const page = assets.find((asset) => asset.path === '/docs')!.body.toString()

test('the page asks only for files that are served with it', () => {
  const asked = [...page.matchAll(/(?:src|href)="(\/docs[^"]*)"/g)].map((match) => match[1])
  assert.equal(asked.length, 3)
  for (const path of asked)
    assert.ok(
      assets.some((asset) => asset.path === path),
      path,
    )
  assert.doesNotMatch(page, /https?:\/\//)
})

test('the page has no inline script, and its policy would not let one run', () => {
  assert.doesNotMatch(page, /<script(?![^>]*src=)|\son\w+=/)
  assert.match(docsContentSecurityPolicy, /script-src 'self';/)
})

test('no asset is empty', () => {
  for (const asset of assets) assert.ok(asset.body.length > 100, asset.path)
})
