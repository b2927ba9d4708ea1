import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Connections } from './connections.ts'

function connection(heardAt: number) {
  const done: string[] = []
  return { heardAt, done, ping: () => void done.push('ping'), close: (code: number) => void done.push(`${code}`) }
}

test('a connection is asked for a sign of life every 25 seconds, and ended when it gave none in 75', (t) => {
  const connections = new Connections()
  const [quiet, lively] = [connection(0), connection(0)]
  for (const each of [quiet, lively]) connections.add(each, 0)
  t.after(() => {
    for (const each of [quiet, lively]) connections.remove(each)
  })
  for (let second = 1; second <= 75; second++) {
    if (second === 60) lively.heardAt = 60_000
    connections.look(second * 1000 + 500)
  }
  deepEqual(quiet.done, ['ping', 'ping', '1001'])
  deepEqual(lively.done, ['ping', 'ping', 'ping'])
})
