import { deepEqual, equal, notEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { LoggedEvent } from '../../events/index.ts'
import { eventFrame } from './render.ts'

const event = (text: string): LoggedEvent => {
  const common = { subject: null, traceId: '0'.repeat(32), causeId: null }
  return { seq: 7, type: 'task.failed', at: Date.parse('2026-05-01T12:00:00Z'), data: { text }, ...common }
}

test('an event is the same bytes for all whose subscriptions have the same name', () => {
  const one = event('a')
  equal(eventFrame(one, 'sub-1'), eventFrame(one, 'sub-1'))
  notEqual(eventFrame(one, 'sub-1'), eventFrame(one, 'sub-2'))
})

test('a frame has the head that goes with its length', () => {
  for (const [letters, head] of [
    [0, 4],
    [65_000, 4],
    [70_000, 10],
  ] as const) {
    const frame = eventFrame(event('x'.repeat(letters)), 'sub-1')
    const length = head === 4 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2))
    deepEqual([frame[0], frame[1], length], [0x81, head === 4 ? 126 : 127, frame.length - head])
    const { payload, id, subscription_id } = JSON.parse(frame.toString('utf8', head))
    deepEqual([payload.text.length, id, subscription_id], [letters, 'evt-7', 'sub-1'])
  }
})
