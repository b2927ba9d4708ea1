import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunOrder, RunStanding } from '@nexus/contract'
import { NexusError } from '../nexus-error.ts'
import { HeldRun } from './held-run.ts'
import type { RunHandler, WorkerRun } from './run.ts'
import { RunFailure } from './run-failure.ts'
import { LinesRefused, type RunReport } from './run-report.ts'

const order = (more: Partial<RunOrder> = {}): RunOrder => ({
  run_id: 'run-1',
  task_id: 'task-1',
  name: 'x',
  attempt: 1,
  lease_token: 'lease-1',
  lease_expires_at: '2026-05-01T12:00:30.000Z',
  deadline: null,
  time_left_ms: null,
  scheduled_for: null,
  parameters: {},
  checkpoint: null,
  trace_id: 't',
  ...more,
})

const standing: RunStanding = { run_id: 'run-1', status: 'running', cancel_requested: false, lease_expires_at: null }
const lost = () => new NexusError('CONFLICT', 'lost', { status: 409, details: { reason: 'lease_lost' } })

/** Everything that is ready to run has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** A run whose reports are answered as `state.answer` says. */
function begin(t: TestContext, handler: RunHandler, given = order(), before?: Promise<void>) {
  t.mock.timers.reset()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const said: RunReport[] = []
  const errors: Error[] = []
  const state = { answer: (_: RunReport): RunStanding | Promise<RunStanding> => standing }
  const run = new HeldRun(
    {
      courier: {
        async send(next) {
          await Promise.resolve()
          const report = next()
          if (!report) return undefined
          said.push(report)
          return state.answer(report)
        },
      },
      moved: () => {},
      onError: (error) => errors.push(error),
    },
    given,
    handler,
    before,
  )
  const ids = () => said.map(({ id }) => id.replace('runs.', ''))
  return { run, said, state, errors, ids }
}

/** A handler that the test ends, and what it was given. */
function held() {
  const go = Promise.withResolvers<unknown>()
  const given = Promise.withResolvers<WorkerRun>()
  const handler = (run: WorkerRun) => {
    given.resolve(run)
    return go.promise
  }
  return { handler, given: given.promise, go: go.resolve, break: go.reject }
}

test('of what is said faster than it can be sent, all lines come together, and the last progress', async (t) => {
  const { handler, given, go } = held()
  const { said, ids } = begin(t, handler)
  const { log, progress } = await given
  log('first')
  await settled()
  for (let n = 0; n < 50; n++) {
    log(`line ${n}`, 'debug')
    progress(n, `at ${n}`)
  }
  progress(200)
  progress(Number.NaN)
  await settled()
  deepEqual(ids(), ['logs.add'])
  t.mock.timers.tick(200)
  await settled()
  t.mock.timers.tick(200)
  await settled()
  deepEqual(ids(), ['logs.add', 'logs.add', 'heartbeat'])
  const [, lines, beat] = said.map(({ input }) => input) as [unknown, { lines: unknown[] }, { progress: unknown }]
  deepEqual([lines.lines.length, beat.progress], [50, { percent: 100 }])
  log('last')
  progress(undefined, 'at the end')
  go('done')
  await settled()
  deepEqual(ids().slice(3), ['logs.add', 'heartbeat', 'complete'])
})

test('a checkpoint is sent at once, and those that are saved meanwhile give way to the last, for which all wait', async (t) => {
  const { handler, given, go } = held()
  const { said, state, ids } = begin(t, handler)
  const run = await given
  run.log('a line')
  await settled()
  const answer = Promise.withResolvers<RunStanding>()
  state.answer = ({ id }) => (id === 'runs.heartbeat' ? answer.promise : standing)
  const first = run.saveCheckpoint(1)
  await settled()
  const others = [run.saveCheckpoint(2), run.saveCheckpoint(3)]
  answer.resolve(standing)
  await Promise.all([first, ...others])
  deepEqual(ids(), ['logs.add', 'heartbeat', 'heartbeat'])
  deepEqual(
    said.slice(1).map(({ input }) => (input as { checkpoint: unknown }).checkpoint),
    [1, 3],
  )
  go(null)
  await settled()
  await rejects(run.saveCheckpoint(4), { code: 'run_over' })
  // Nobody waits for these.
  void run.saveCheckpoint(5)
  void run.saveCheckpoint(undefined as never)
  await settled()
})

test('a checkpoint that is refused rejects, and the run goes on', async (t) => {
  const { handler, given, go } = held()
  const { state, errors, ids } = begin(t, handler)
  const run = await given
  state.answer = ({ id }) => {
    if (id === 'runs.heartbeat') throw new NexusError('INVALID_REQUEST', 'no', { status: 400 })
    return standing
  }
  await rejects(run.saveCheckpoint(1), { code: 'INVALID_REQUEST' })
  go(null)
  await settled()
  deepEqual([ids(), errors.length], [['heartbeat', 'complete'], 1])
})

test('a lease that nothing renews is over before the server gives it to another, and is told', async (t) => {
  const { handler, given, break: fail } = held()
  const { run, errors, ids } = begin(t, handler)
  const { signal } = await given
  t.mock.timers.tick(20_000)
  run.heard({ cancel_requested: false })
  t.mock.timers.tick(20_000)
  deepEqual([signal.aborted, run.isUnsaid, run.needsHeartbeat], [false, true, true])
  t.mock.timers.tick(7_000)
  deepEqual([(signal.reason as RunFailure).code, run.isUnsaid, run.needsHeartbeat], ['lease_lost', false, false])
  equal(run.isAtWork, true)
  fail(new Error('on the way out'))
  await settled()
  deepEqual([run.isAtWork, ids()], [false, []])
  equal((errors[0] as RunFailure).code, 'lease_lost')
})

test('how a run ended is said until the server has heard it, also when its lease must be over', async (t) => {
  const { run, state, errors } = begin(t, () => 'done')
  const answer = Promise.withResolvers<RunStanding>()
  state.answer = () => answer.promise
  await settled()
  equal(run.needsHeartbeat, false)
  t.mock.timers.tick(250)
  equal(run.needsHeartbeat, true)
  run.lost()
  deepEqual([run.needsHeartbeat, run.isUnsaid, errors.length], [false, true, 0])
  t.mock.timers.tick(60_000)
  deepEqual([run.isUnsaid, errors.length], [true, 0])
  answer.reject(new NexusError('CONFLICT', 'lost', { status: 409, details: { reason: 'lease_lost' } }))
  await settled()
  deepEqual([run.isUnsaid, (errors[0] as RunFailure).code], [false, 'lease_lost'])
})

test('whoever is cancelled is told once, needs no heartbeat more, and fails as cancelled although it returns', async (t) => {
  const { handler, given, go } = held()
  const { run, said, state, errors } = begin(t, handler)
  const { signal, progress } = await given
  t.mock.timers.tick(250)
  state.answer = () => ({ ...standing, cancel_requested: true })
  progress(1)
  await settled()
  deepEqual([(signal.reason as RunFailure).code, run.needsHeartbeat], ['cancelled', false])
  go('something')
  await settled()
  deepEqual(said.at(-1)!.input, {
    ...{ run_id: 'run-1', lease_token: 'lease-1' },
    error: { code: 'cancelled', message: 'the run was cancelled', retryable: true },
  })
  deepEqual([run.isUnsaid, errors], [false, []])
})

test('what a handler throws of its own while it is cancelled is told', async (t) => {
  const { handler, given, break: fail } = held()
  const { run, said } = begin(t, handler)
  await given
  run.heard({ cancel_requested: true })
  fail(new RunFailure('half_written', 'a file is left', { retryAfterSeconds: 5 }))
  await settled()
  deepEqual((said.at(-1)!.input as { error: unknown }).error, {
    ...{ code: 'half_written', message: 'a file is left', retryable: true, retry_after_seconds: 5 },
  })
})

test('an attempt that its deadline ended is not told, and one that had ended nevertheless is', async (t) => {
  const first = held()
  const { run, ids, errors } = begin(t, first.handler, order({ time_left_ms: 1000 }))
  const { signal } = await first.given
  t.mock.timers.tick(1000)
  equal((signal.reason as RunFailure).code, 'deadline_exceeded')
  first.break(signal.reason)
  await settled()
  deepEqual([run.isUnsaid, run.isAtWork, ids(), errors], [false, false, [], []])
})

test('a result that comes too late for the server is let go in silence', async (t) => {
  const { handler, given, go } = held()
  const { run, ids, state, errors } = begin(t, handler, order({ time_left_ms: 1000 }))
  await given
  t.mock.timers.tick(1000)
  state.answer = () => {
    throw lost()
  }
  go('late')
  await settled()
  deepEqual([run.isUnsaid, ids(), errors], [false, ['complete'], []])
})

test('an attempt waits for the handler of the one before, and does not begin if it was lost meanwhile', async (t) => {
  let runs = 0
  const before = Promise.withResolvers<void>()
  const waiting = begin(t, () => void runs++, order({ attempt: 2 }), before.promise)
  const gone = begin(t, () => void runs++, order({ attempt: 2 }), before.promise)
  await settled()
  deepEqual([runs, waiting.run.isAtWork], [0, true])
  gone.run.lost()
  before.resolve()
  await settled()
  deepEqual([runs, waiting.ids(), gone.ids()], [1, ['complete'], []])
})

test('a result that the server refuses fails the attempt for good', async (t) => {
  const { said, state, errors } = begin(t, () => 'odd')
  state.answer = ({ id }) => {
    if (id === 'runs.complete') throw new NexusError('INVALID_REQUEST', 'odd', { status: 400 })
    return standing
  }
  await settled()
  deepEqual((said.at(-1)!.input as { error: unknown }).error, {
    ...{ code: 'invalid_result', message: 'odd', retryable: false },
  })
  equal(errors.length, 1)
})

test('a failure says how long to wait within the bounds of the contract', () => {
  const failure = new RunFailure('busy', 'later', { retryAfterSeconds: 604_800, cause: 1 })
  deepEqual([failure.code, failure.retryable, failure.retryAfterSeconds, failure.cause], ['busy', true, 604_800, 1])
  for (const retryAfterSeconds of [-1, Number.NaN, 604_801])
    throws(() => new RunFailure('busy', 'later', { retryAfterSeconds }), RangeError)
})

test('lines that the rate limit refuses for long wait until it permits them, and hold up neither checkpoint nor end', async (t) => {
  const { handler, given, go } = held()
  const { run, state, errors, ids } = begin(t, handler)
  const { log, saveCheckpoint } = await given
  state.answer = ({ id }) => {
    if (id === 'runs.logs.add') throw new LinesRefused('run-1', 57, undefined)
    return standing
  }
  log('one')
  await settled()
  t.mock.timers.tick(1000)
  await saveCheckpoint(1)
  deepEqual([ids(), errors], [['logs.add', 'heartbeat'], []])
  go(1)
  await run.done
  await settled()
  await settled()
  deepEqual([ids().slice(2), errors.map(({ name }) => name)], [['logs.add', 'complete'], ['LinesRefused']])
})
