import { deepEqual, equal, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { until } from '../../../packages/server/src/testing/until.ts'
import { Supervisor } from './supervisor.ts'

function supervise(t: TestContext, script: string, settleMs = 300): Supervisor {
  const supervisor = new Supervisor({ command: [process.execPath, '-e', script], settleMs })
  t.after(() => supervisor.stop(0))
  return supervisor
}

test('what ends by itself is started again, and stays down once it was stopped', async (t) => {
  const supervisor = supervise(t, 'console.log("up"); setInterval(() => {}, 1000)')
  await supervisor.start()
  const first = supervisor.pid!
  await until('what it wrote', async () => supervisor.lines(9).length === 1)
  process.kill(first, 'SIGKILL')
  await until('it is up again', async () => supervisor.pid !== undefined && supervisor.pid !== first)
  equal(supervisor.restarts, 1)
  await until('what it wrote', async () => supervisor.lines(9).length === 2)
  deepEqual(supervisor.lines(9), ['up', 'up'])
  await supervisor.stop(10_000)
  equal(supervisor.pid, undefined)
})

test('what does not stay up is told', async (t) => {
  const supervisor = supervise(t, 'process.exit(3)', 60_000)
  await rejects(supervisor.start(), { code: 'service_not_up' })
})

test('what can not be started at all is told too', async (t) => {
  const supervisor = new Supervisor({ command: ['/there/is/no/such/program'], settleMs: 300 })
  t.after(() => supervisor.stop(0))
  await rejects(supervisor.start(), { code: 'service_not_up' })
})

test('who no longer wants it stopped leaves it to end in its own time', async (t) => {
  const supervisor = supervise(t, 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)')
  await supervisor.start()
  await until('it is deaf', async () => supervisor.lines(1)[0] === 'up')
  const pid = supervisor.pid
  const cancel = new AbortController()
  const stopped = supervisor.stop(60_000, cancel.signal)
  cancel.abort(new Error('cancelled'))
  await rejects(stopped, /cancelled/)
  equal(supervisor.pid, pid)
})
