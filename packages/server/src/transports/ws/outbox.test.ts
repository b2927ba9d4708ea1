import { equal } from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { Outbox } from './outbox.ts'

const mebibyte = Buffer.alloc(1024 * 1024)

function outbox() {
  const socket = new PassThrough({ highWaterMark: 16 })
  const state = { slow: 0, open: true }
  const box = new Outbox({
    socket,
    now: () => 0,
    get isOpen() {
      return state.open
    },
    onSlow: () => state.slow++,
  })
  return { socket, state, box }
}

test('beyond a mebibyte no more is taken until the client has read; who takes 30 seconds for it is told of', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { socket, state, box } = outbox()
  box.write(mebibyte)
  equal(box.isFull, false)
  box.write(mebibyte)
  equal(box.isFull, true)
  const drained = box.drained()
  t.mock.timers.tick(29_999)
  equal(state.slow, 0)
  t.mock.timers.tick(1)
  equal(state.slow, 1)
  socket.resume()
  await drained
  equal(box.isFull, false)
})

test('however many wait for the client, it is watched once, and not once it has read or gone', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { socket, state, box } = outbox()
  for (const end of [() => socket.resume(), () => socket.destroy()]) {
    socket.pause()
    box.write(Buffer.concat([mebibyte, mebibyte]))
    const waiting = Array.from({ length: 100 }, () => box.drained())
    equal(socket.listenerCount('drain'), 1)
    end()
    await Promise.all(waiting)
    equal(socket.listenerCount('drain'), 0)
  }
  t.mock.timers.tick(60_000)
  equal(state.slow, 0)
})

test('answers and notices are sent whatever waits, up to four mebibytes', () => {
  const { socket, state, box } = outbox()
  for (let i = 0; i < 4; i++) box.write(mebibyte)
  box.answer('a', { type: 'pong' })
  equal(state.slow, 0)
  const waiting = socket.writableLength
  box.answer('a', { type: 'pong' })
  box.notify({ type: 'stream.cursor' })
  equal(state.slow, 2)
  equal(socket.writableLength, waiting)
})

test('nothing is sent once the connection is closing', () => {
  const { socket, state, box } = outbox()
  state.open = false
  box.answer('a', { type: 'pong' })
  box.notify({ type: 'stream.shutdown' })
  box.write(mebibyte)
  equal(socket.writableLength, 0)
})
