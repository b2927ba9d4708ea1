import { equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { replaceBetween } from './publish.ts'

test('only what stands between the markers of its benchmark is rewritten', () => {
  const section = (name: string) => `<!-- ${name} benchmark: begin -->\nold\n<!-- ${name} benchmark: end -->\n`
  const page = `before\n${section('telemetry')}between\n${section('stream')}after\n`
  const once = replaceBetween('stream', page, 'new')
  equal(once, page.replace(section('stream'), section('stream').replace('old', 'new')))
  equal(replaceBetween('stream', once, 'new'), once)
  throws(() => replaceBetween('other', page, 'new'), /needs the lines/)
})
