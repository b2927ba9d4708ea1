import { equal } from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { Outbox } from './outbox.ts'

const mebibyte = Buffer.alloc(1024 * 1024)

function outbox() {
  const socket = new PassThrough({ highWaterMark: 16 })
  const slow = { times: 0 }
  return {
    socket,
    slow,
    box: new Outbox(
      socket,
      () => 0,
      () => slow.times++,
    ),
  }
}

test('beyond a mebibyte no more is taken until the client has read; nothing read for 30 seconds is told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { socket, slow, box } = outbox()
  box.write(mebibyte)
  equal(box.isFull, false)
  box.write(mebibyte)
  equal(box.isFull, true)
  const drained = box.drained(new AbortController().signal)
  t.mock.timers.tick(29_999)
  equal(slow.times, 0)
  t.mock.timers.tick(1)
  equal(slow.times, 1)
  socket.resume()
  await drained
  equal(box.isFull, false)
})

test('who reads in time is not told of, and waiting ends with the connection', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { socket, slow, box } = outbox()
  box.write(Buffer.concat([mebibyte, mebibyte]))
  const drained = box.drained(new AbortController().signal)
  socket.resume()
  await drained
  socket.pause()
  box.write(Buffer.concat([mebibyte, mebibyte]))
  const gone = new AbortController()
  const waiting = box.drained(gone.signal)
  gone.abort()
  await waiting
  await box.drained(gone.signal)
  t.mock.timers.tick(60_000)
  equal(slow.times, 0)
})

test('answers are sent whatever waits, up to four mebibytes', async () => {
  const { socket, slow, box } = outbox()
  for (let i = 0; i < 5; i++) box.write(mebibyte)
  const waiting = socket.writableLength
  box.answer('a', { type: 'pong' })
  await endOfTurn()
  equal(slow.times, 1)
  equal(socket.writableLength, waiting)
})
