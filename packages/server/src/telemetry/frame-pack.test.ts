import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '@nexus/contract'
import fc from 'fast-check'
import { arbitraryFor, hostileFor } from '../testing/arbitrary.ts'
import { isFault, readFrame } from './frame.ts'
import { FramePack, packFrames } from './frame-pack.ts'

const schema = operations['telemetry.frames.send'].input
const receivedAt = 1_762_134_000_000_000

const noBlock = { begin() {}, setOf: () => 0, add() {}, take: () => new Uint8Array() }

test('frames and faults come out of a pack as they were read, on the other side of a clone', () => {
  const values = fc
    .array(fc.oneof(arbitraryFor(schema), hostileFor(schema)), { maxLength: 20 })
    // As they come out of a body: JSON has no `undefined` and no -0.
    .map((values) => JSON.parse(JSON.stringify(values)) as unknown[])
  fc.assert(
    fc.property(values, (values) => {
      const pack = new FramePack(structuredClone(packFrames(values, receivedAt, noBlock)))
      const expected = values.map((value, i) => readFrame(value, receivedAt + i))
      const each = Array.from(pack.each(), (read) => structuredClone(read))
      deepEqual(each, expected)
      const good = Array.from({ length: pack.length }, (_, index) => pack.at(index))
      deepEqual(
        good,
        expected.filter((read) => !isFault(read)),
      )
    }),
    { numRuns: 1000 },
  )
})
