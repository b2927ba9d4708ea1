import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ExecutionOrder, ExecutionStanding } from '@nexus/contract'
import { NexusError } from '../nexus-error.ts'
import type { CommandHandler, DeviceCommand } from './command.ts'
import type { DeviceReport } from './device-report.ts'
import { Execution } from './execution.ts'

const order = (more: Partial<ExecutionOrder> = {}): ExecutionOrder => ({
  command_id: 'cmd-1',
  execution_id: 'exe-1',
  attempt: 1,
  lease_token: 'first',
  lease_expires_at: '2026-05-01T12:00:30.000Z',
  deadline: '2026-05-01T12:01:00.000Z',
  time_left_ms: 60_000,
  command: 'x',
  parameters: {},
  trace_id: 't',
  ...more,
})

const standing: ExecutionStanding = {
  execution_id: 'exe-1',
  status: 'running',
  cancel_requested: false,
  lease_expires_at: null,
}
const lost = () => new NexusError('CONFLICT', 'lost', { status: 409, details: { reason: 'lease_lost' } })

/** Everything that is ready to run has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** An execution whose reports are answered as `state.answer` says. */
function begin(t: TestContext, handler: CommandHandler, given = order()) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  t.mock.method(performance, 'now', () => Date.now())
  const said: DeviceReport[] = []
  const over: boolean[] = []
  const state = { answer: (_: DeviceReport): ExecutionStanding | Promise<ExecutionStanding> => standing }
  const execution = new Execution(
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
      remember: async () => {},
      acked: () => {},
      over: (_, isKept) => over.push(isKept),
      onError: (error) => {
        throw error
      },
    },
    given,
    { handler, idempotent: false },
  )
  execution.start()
  const types = () => said.map(({ type }) => type.replace('command.', ''))
  return { execution, said, over, state, types }
}

/** Ends when its signal is aborted, with its reason. */
async function untilAborted({ signal }: DeviceCommand): Promise<void> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  signal.throwIfAborted()
}

test('a handler runs only once the server has confirmed that the command is here', async (t) => {
  let runs = 0
  const answer = Promise.withResolvers<ExecutionStanding>()
  const { state, types, over } = begin(t, () => {
    runs++
  })
  state.answer = ({ type }) => (type === 'command.ack' ? answer.promise : standing)
  await settled()
  deepEqual([runs, types()], [0, ['ack']])
  answer.resolve(standing)
  await settled()
  deepEqual([runs, types(), over], [1, ['ack', 'result'], [true]])
})

test('a cancel that comes before the handler runs is confirmed without running it', async (t) => {
  let runs = 0
  const { state, said } = begin(t, () => {
    runs++
  })
  state.answer = () => ({ ...standing, cancel_requested: true })
  await settled()
  deepEqual([runs, (said[1]!.payload as { status: string }).status], [0, 'cancelled'])
})

test('a command that was lost before its handler ran never runs', async (t) => {
  let runs = 0
  const { state, over } = begin(t, () => {
    runs++
  })
  state.answer = () => Promise.reject(lost())
  await settled()
  deepEqual([runs, over], [0, [false]])
})

test('a sign of life repeats what was said last, under its number', async (t) => {
  const { execution, said } = begin(t, async (command) => {
    command.progress(30, 'a third')
    await untilAborted(command)
  })
  await settled()
  execution.beat(0)
  await settled()
  equal(said.length, 2)
  t.mock.timers.tick(200)
  await settled()
  deepEqual(said[2], { ...said[1], payload: { ...said[1]!.payload, elapsed_ms: 200 } })
  equal((said[2]!.payload as { seq: number }).seq, 1)
  execution.giveUp()
})

test('of progress and lines that come faster than they are sent, the last and the newest are', async (t) => {
  const { said } = begin(t, ({ progress, log }) => {
    for (let n = 1; n <= 1500; n++) {
      progress(n / 15)
      log(`line ${n}`)
    }
  })
  await settled()
  deepEqual(
    said.flatMap(({ type, payload }) => (type === 'command.progress' ? [payload.seq] : [])),
    [1500],
  )
  const lines = said.flatMap(({ type, payload }) => (type === 'command.log' ? payload.lines : []))
  deepEqual(
    [lines[0]!.level, lines[0]!.message.split(' ')[0], said.at(-1)!.type, lines.length, lines.at(-1)!.message],
    ['warn', '501', 'command.result', 1000, 'line 1500'],
  )
})

test('a handler that is at work for a second is told to be, since when, and how long it took', async (t) => {
  const done = Promise.withResolvers<void>()
  const { said, types } = begin(t, () => done.promise)
  await settled()
  t.mock.timers.tick(999)
  await settled()
  deepEqual(types(), ['ack'])
  t.mock.timers.tick(1)
  await settled()
  const held = { execution_id: 'exe-1', lease_token: 'first' }
  deepEqual(said[1]!.payload, { ...held, elapsed_ms: 1000, seq: 0 })
  t.mock.timers.tick(500)
  done.resolve()
  await settled()
  deepEqual(said.at(-1)!.payload, { ...held, elapsed_ms: 1500, duration_ms: 1500, status: 'completed' })
  deepEqual(types(), ['ack', 'progress', 'result'])
})

test('the signal is aborted when the time is over, and nothing is said that the server knows by its own clock', async (t) => {
  let reason: unknown
  const { types, over } = begin(t, async (command) => {
    await untilAborted(command).finally(() => {
      reason = (command.signal.reason as { code: string }).code
    })
  })
  await settled()
  t.mock.timers.tick(60_000)
  await settled()
  deepEqual([reason, types(), over], ['deadline_exceeded', ['ack', 'progress'], [true]])
})

test('a result that comes after the time is over is reported all the same', async (t) => {
  const { said } = begin(t, async (command) => {
    await untilAborted(command).catch(() => {})
    return 'late'
  })
  await settled()
  t.mock.timers.tick(60_000)
  await settled()
  deepEqual(said.at(-1)!.payload, {
    ...{ execution_id: 'exe-1', lease_token: 'first', elapsed_ms: 60_000, duration_ms: 60_000 },
    ...{ status: 'completed', result: 'late' },
  })
})

test('a handler whose lease is lost is aborted, unless it is given again at once', async (t) => {
  let signal: AbortSignal | undefined
  const { execution, state, said } = begin(t, async (command) => {
    signal = command.signal
    command.progress(1)
    await untilAborted(command)
  })
  state.answer = ({ type }) => (type === 'command.ack' ? standing : Promise.reject(lost()))
  await settled()
  execution.renew(order({ lease_token: 'second', attempt: 2 }))
  await settled()
  deepEqual([said.at(-2)!.type, said.at(-2)!.payload.lease_token], ['command.ack', 'second'])
  t.mock.timers.tick(1999)
  await settled()
  equal(signal!.aborted, false)
  t.mock.timers.tick(1)
  await settled()
  equal((signal!.reason as { code: string }).code, 'lease_lost')
})

test('given again after its end it is answered, without running again', async (t) => {
  let runs = 0
  const { execution, state, said, over } = begin(t, () => {
    runs++
    return { n: runs }
  })
  const answer = Promise.withResolvers<ExecutionStanding>()
  state.answer = ({ type, payload }) =>
    type === 'command.result' && payload.lease_token === 'first' ? answer.promise : standing
  await settled()
  execution.renew(order({ lease_token: 'second', attempt: 2 }))
  answer.reject(lost())
  await settled()
  deepEqual([runs, over], [1, [true]])
  deepEqual(said.at(-1)!.payload, {
    ...{ execution_id: 'exe-1', lease_token: 'second', elapsed_ms: 0, duration_ms: 0 },
    ...{ status: 'completed', result: { n: 1 } },
  })
})

test('a cancelled handler is reported as such, with what it returns', async (t) => {
  const { execution, said } = begin(t, async (command) => {
    await untilAborted(command).catch(() => {})
    return { undone: true }
  })
  await settled()
  execution.cancel()
  await settled()
  const { status, result } = said.at(-1)!.payload as { status: string; result: unknown }
  deepEqual([status, result], ['cancelled', { undone: true }])
})

test('an order that was overtaken by a newer one gives way to that, and nothing begins before it is confirmed', async (t) => {
  let runs = 0
  const first = Promise.withResolvers<ExecutionStanding>()
  const { execution, state, said, over } = begin(
    t,
    () => {
      runs++
    },
    order({ lease_token: 'second' }),
  )
  const answers: Record<string, () => ExecutionStanding | Promise<ExecutionStanding>> = {
    first: () => first.promise,
    second: () => standing,
  }
  state.answer = ({ payload }) => answers[payload.lease_token]!()
  execution.renew(order({ lease_token: 'first' }))
  await settled()
  equal(runs, 0)
  first.reject(lost())
  await settled()
  const tokens = said.map(({ type, payload }) => `${type} ${payload.lease_token}`)
  deepEqual(tokens, ['command.ack first', 'command.ack second', 'command.result second'])
  deepEqual([runs, over], [1, [true]])
})
