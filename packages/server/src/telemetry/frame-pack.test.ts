import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '@nexus/contract'
import fc from 'fast-check'
import { arbitraryFor, hostileFor } from '../testing/arbitrary.ts'
import { readFrame } from './frame.ts'
import { FramePack, packFrames } from './frame-pack.ts'

const schema = operations['telemetry.frames.send'].input
const receivedAt = 1_762_134_000_000_000

test('frames and faults come out of a pack as they were read, on the other side of a clone', () => {
  const values = fc
    .array(fc.oneof(arbitraryFor(schema), hostileFor(schema)), { maxLength: 20 })
    // As they come out of a body: JSON has no `undefined` and no -0.
    .map((values) => JSON.parse(JSON.stringify(values)) as unknown[])
  fc.assert(
    fc.property(values, (values) => {
      const pack = new FramePack(structuredClone(packFrames(values, receivedAt)))
      const expected = values.map((value) => readFrame(value, receivedAt))
      const read = Array.from({ length: pack.length }, (_, index) => pack.at(index))
      deepEqual(read, expected)
    }),
    { numRuns: 1000 },
  )
})
