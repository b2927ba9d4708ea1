import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { chunkOf } from './chunk.ts'

test('a piece is one chunk, and the same for all who are sent it', () => {
  const piece = Buffer.from(`data: ${'x'.repeat(300)}\n\n`)
  const chunk = chunkOf(piece)
  equal(String(chunk), `134\r\n${piece}\r\n`)
  equal(chunkOf(piece), chunk)
})
