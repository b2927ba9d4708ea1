import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { Subscription } from '../events/index.ts'
import { openEventsRoom } from '../testing/events-room.ts'
import { pump, type StreamTarget } from './stream-pump.ts'

/** A target that takes `room` pieces, one for each event, until it is given more; all of them write to one list. */
function target(stream: Subscription, written: string[], { name = '', room = Number.POSITIVE_INFINITY } = {}) {
  let drained = Promise.withResolvers<void>()
  const state = { room, ended: [] as unknown[], breaks: false }
  const self: StreamTarget = {
    ready: () => pump(stream, self),
    events(events) {
      if (state.breaks) throw new Error('broken')
      return events.map(({ subject }) => Buffer.from(`${name}${subject}`))
    },
    notice: (type) => Buffer.from(type),
    write(piece) {
      written.push(String(piece))
      state.room--
    },
    get isFull() {
      return state.room <= 0
    },
    drained: () => drained.promise,
    ended: (cause) => void state.ended.push(cause),
  }
  const drain = (room: number) => {
    state.room = room
    drained.resolve()
    drained = Promise.withResolvers()
    return endOfTurn()
  }
  stream.whenReady(self)
  return { state, drain }
}

async function opened(t: TestContext) {
  const room = await openEventsRoom(t)
  const stream = () => room.events.stream(room.admin, { event_types: 'telemetry.frame' })
  return { room, stream }
}

test('what there is no room for waits, each piece is written once and in order, and nothing after the end', async (t) => {
  const { room, stream } = await opened(t)
  const [one, written] = [await stream(), [] as string[]]
  const { state, drain } = target(one, written, { room: 2 })
  for (const name of ['a', 'b', 'c']) room.emit(name)
  await endOfTurn()
  room.emit('d')
  await endOfTurn()
  deepEqual(written, ['a', 'b'])
  equal(one.position(), undefined)
  await drain(2)
  deepEqual(written, ['a', 'b', 'c', 'd'])
  room.emit('e')
  await endOfTurn()
  one.end()
  await drain(2)
  deepEqual([written.length, state.ended], [4, []])
})

test('those who are sent the same are written to side by side, however much it is', async (t) => {
  const { room, stream } = await opened(t)
  const written: string[] = []
  for (const name of ['one ', 'two ']) target(await stream(), written, { name })
  for (let i = 0; i < 500; i++) room.emit(`d${i}`)
  for (let turn = 0; turn < 4; turn++) await endOfTurn()
  equal(written.length, 1000)
  const turns = written.filter((text, i) => text.slice(0, 4) !== written[i - 1]?.slice(0, 4))
  deepEqual(turns, ['one d0', 'two d0', 'one d256', 'two d256'])
})

test('what fails while it is written ends the stream, and is told', async (t) => {
  const { room, stream } = await opened(t)
  const [one, written] = [await stream(), [] as string[]]
  const { state } = target(one, written)
  state.breaks = true
  room.emit('a')
  await endOfTurn()
  deepEqual([String(state.ended), one.isOver, written], ['Error: broken', true, []])
})

test('a stream that ran over brings what waited, says so, and is over', async (t) => {
  const room = await openEventsRoom(t, { keepMax: 10_000 })
  const [one, written] = [await room.events.stream(room.admin, { event_types: 'telemetry.alert' }), [] as string[]]
  const { state, drain } = target(one, written, { room: 0 })
  for (let i = 0; i < 1001; i++) await room.publish(`c${i}`)
  deepEqual(written, [])
  await drain(Number.POSITIVE_INFINITY)
  deepEqual([written.length, written.at(-2), written.at(-1)], [1001, 'c999', 'stream.overflow'])
  deepEqual([state.ended, one.isOver], [[undefined], true])
})
