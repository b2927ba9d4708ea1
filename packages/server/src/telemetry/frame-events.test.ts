import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '@nexus/contract'
import fc from 'fast-check'
import { arbitraryFor } from '../testing/arbitrary.ts'
import { FrameText, isFault, type ReadFrame, readFrame } from './frame.ts'
import { FrameEvents } from './frame-events.ts'

const receivedAt = 1_762_134_000_000_000

test('a frame that is read again from its text is the one that was accepted, without an ack beside it', () => {
  fc.assert(
    fc.property(arbitraryFor(operations['telemetry.frames.send'].input), (value) => {
      const text = JSON.stringify(value)
      const { ack: _, ...frame } = JSON.parse(text)
      const read = readFrame(frame, receivedAt)
      if (isFault(read)) return
      deepEqual(new FrameText(text, receivedAt).read(), read)
      const asked = (again?: FrameText) =>
        new FrameEvents([{ ...read, ...(again && { again }) } as ReadFrame]).dataOf(0)
      deepEqual(asked(new FrameText(text, receivedAt)), asked())
    }),
  )
})

test('an event without a trace is given one when it is asked for, and keeps it', () => {
  const frame = readFrame({ device_id: 'd', metrics: { m: 1 } }, receivedAt) as ReadFrame
  const events = new FrameEvents([frame, { ...frame, traceId: 'given' }])
  equal(events.knownTraceIdOf(0), undefined)
  const made = events.traceIdOf(0)
  deepEqual([events.traceIdOf(0), events.knownTraceIdOf(0), events.traceIdOf(1)], [made, made, 'given'])
})

test('the event of an object with hundreds of fields looks at it a few times, and not once a field', (t) => {
  const wide = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`m${i}`, i]))
  const metrics = { a: wide, b: { c: { d: wide } }, 'a.x': 1 }
  const events = new FrameEvents([readFrame({ device_id: 'd', metrics }, receivedAt) as ReadFrame])
  const { mock } = t.mock.method(Object, 'entries')
  deepEqual((events.dataOf(0) as { metrics: unknown }).metrics, metrics)
  ok(mock.callCount() < 20, `${mock.callCount()} looks`)
})
