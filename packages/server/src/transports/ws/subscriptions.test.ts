import { deepEqual, equal } from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { openEventsRoom } from '../../testing/events-room.ts'
import { Outbox } from './outbox.ts'
import { Subscriptions } from './subscriptions.ts'

test('a subscription for which nothing comes tells a newer cursor, once, and none while something waits', async (t) => {
  const room = await openEventsRoom(t)
  const socket = new PassThrough({ highWaterMark: 1 << 20 })
  const outbox = new Outbox({ socket, now: () => 0, isOpen: true, onSlow: () => {} })
  const fail = (cause: unknown) => {
    throw cause
  }
  const subscriptions = new Subscriptions({ events: room.events, outbox, now: () => 0, onBug: fail })
  const { begun, run } = await subscriptions.begin(room.admin, {
    channel: 'telemetry',
    filters: { device_id: 'quiet' },
  })
  const told = () =>
    [
      ...String(socket.read() ?? '').matchAll(
        /"type":"(stream\.cursor|telemetry\.frame)".*?"(?:cursor|id)":"(evt-\d+)"/g,
      ),
    ].map(([, type, id]) => [type, id])
  const number = Number(begun.cursor.slice('evt-'.length))

  subscriptions.tellCursors()
  deepEqual(told(), [], 'not before it runs')
  run()
  await endOfTurn()
  for (let i = 0; i < 5; i++) room.emit('loud', i)
  await endOfTurn()
  subscriptions.tellCursors()
  subscriptions.tellCursors()
  deepEqual(told(), [['stream.cursor', `evt-${number + 5}`]])
  room.emit('quiet')
  subscriptions.tellCursors()
  await endOfTurn()
  const [[type, id] = []] = told()
  equal(type, 'telemetry.frame')
  equal(id, `evt-${number + 6}`)
  subscriptions.endAll()
})
