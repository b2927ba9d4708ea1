import { equal, match } from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import type { TransportDeps } from '../ports.ts'
import { refuseConnection } from './refuse-connection.ts'

const deps = {
  now: () => 0,
  spendAddress: () => ({ limit: 600, remaining: 0, reset: 60, exceeded: false }),
} as unknown as TransportDeps

test('who is refused and does not hang up is cut off after two seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let answer = ''
  const socket = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(chunk, _encoding, done) {
      answer += chunk
      done()
    },
  })
  refuseConnection(deps, Object.assign(new Error('parse error'), { code: 'HPE_INVALID_METHOD' }), socket)
  match(answer, /^HTTP\/1\.1 400 /)
  t.mock.timers.tick(1999)
  equal(socket.destroyed, false)
  t.mock.timers.tick(1)
  equal(socket.destroyed, true)
})

test('a connection that was reset is not answered', () => {
  const socket = new Duplex({
    read() {},
    write() {
      throw new Error('nobody reads this')
    },
  })
  refuseConnection(deps, Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), socket)
  equal(socket.destroyed, true)
})
