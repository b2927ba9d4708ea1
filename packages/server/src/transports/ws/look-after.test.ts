import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { lookAfter } from './look-after.ts'

function connection() {
  const done: string[] = []
  return {
    ...{ heardAt: 0, pingedAt: 0, done },
    ping: () => void done.push('ping'),
    close: (code: number) => void done.push(`${code}`),
  }
}

test('a connection is asked for a sign of life every 25 seconds, and ended when it gave none in 75', () => {
  const [quiet, lively] = [connection(), connection()]
  for (let second = 1; second <= 75; second++) {
    if (second === 60) lively.heardAt = 60_000
    for (const each of [quiet, lively]) lookAfter(each, second * 1000 + 500)
  }
  deepEqual(quiet.done, ['ping', 'ping', '1001'])
  deepEqual(lively.done, ['ping', 'ping', 'ping'])
})
