import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Input, Output, RunStanding } from '@nexus/contract'
import { workerLimits } from '../contract-data.ts'
import type { Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import { Pace } from '../pace.ts'
import { retryDefaults } from '../retry.ts'
import { Ends } from './ends.ts'
import type { Asked } from './leasing.ts'
import type { EndReport } from './run-report.ts'

type Ended = Input<'workers.report'>['ends']

interface Call {
  id: string
  input: Record<string, unknown>
  answer(output: unknown): void
  fail(error: Error): void
}

/** Everything that is ready to run has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await settled()
}

const standing = (run_id: string): RunStanding => ({
  ...{ run_id, status: 'completed' },
  ...{ cancel_requested: false, lease_expires_at: null },
})

const done = (run_id: string, result?: unknown): EndReport => ({
  id: 'runs.complete',
  input: { run_id, lease_token: `lease-${run_id}`, ...(result !== undefined && { result }) },
})

/** Ends that the test reports, and answers. */
function begin(asked?: () => Asked | undefined) {
  const calls: Call[] = []
  const errors: Error[] = []
  const leased: unknown[] = []
  const invoke = (id: string, input: Record<string, unknown>) =>
    new Promise((resolve, reject) => calls.push({ id, input, answer: resolve, fail: reject }))
  const ends = new Ends({
    invoke: invoke as Invoke,
    timeoutMs: 1000,
    workerId: 'w',
    pace: new Pace({ atOnce: 32, perSecond: 1e6 }),
    policy: { ...retryDefaults, initialDelayMs: 0 },
    onError: (error) => errors.push(error),
    leasing: {
      ask: () => asked?.(),
      given: (_, orders) => leased.push(...orders),
      unanswered: (_, error) => leased.push(error),
    },
  })
  ends.open()
  const say = (run_id: string, result?: unknown) => ends.send(() => done(run_id, result))
  const idsIn = ({ input }: Call) => (input.ends as Ended).map(({ run_id }) => run_id).join()
  const answer = (call: Call, more: Partial<Output<'workers.report'>> = {}) =>
    call.answer({ ends: (call.input.ends as Ended).map(({ run_id }) => standing(run_id)), runs: [], ...more })
  return { ends, calls, errors, leased, say, idsIn, answer }
}

test('one end alone is said at once, and those that come meanwhile go together in the next report', async () => {
  const { calls, say, idsIn, answer } = begin()
  const first = say('a', 1)
  await settled()
  const others = [say('b'), say('c'), say('d')]
  await settled()
  deepEqual(
    calls.map(({ id, input }) => [id, input]),
    [['runs.complete', { run_id: 'a', lease_token: 'lease-a', result: 1 }]],
  )
  calls[0]!.answer(standing('a'))
  deepEqual(await first, standing('a'))
  await settled()
  deepEqual([calls.length, calls[1]!.id, idsIn(calls[1]!)], [2, 'workers.report', 'b,c,d'])
  answer(calls[1]!)
  deepEqual(await Promise.all(others), ['b', 'c', 'd'].map(standing))
})

test('ends of the same turn go together', async () => {
  const { calls, say, idsIn } = begin()
  void say('a')
  void say('b')
  await settled()
  deepEqual(calls.map(idsIn), ['a,b'])
})

test('an end that breaks the server is said by itself, behind all others, which do not wait for it', async () => {
  const { calls, errors, say, idsIn } = begin()
  const all = ['a', 'poison', 'b'].map((id) => say(id))
  const answered: string[] = []
  for (const [i, saying] of all.entries()) void saying.then(() => answered.push(['a', 'poison', 'b'][i]!))
  await settled()
  equal(idsIn(calls[0]!), 'a,poison,b')
  const broken = () => new NexusError('INTERNAL_ERROR', 'broken', { status: 500 })
  calls[0]!.fail(broken())
  const said: string[] = []
  for (let i = 1; i < 6; i++) {
    await until(() => calls.length > i)
    const { input } = calls[i]!
    const id = String(input.run_id)
    said.push(id)
    if (id === 'poison') calls[i]!.fail(broken())
    else calls[i]!.answer(standing(id))
    if (i === 3) void say('c').then(() => answered.push('c'))
  }
  deepEqual(said, ['a', 'poison', 'b', 'poison', 'c'])
  await settled()
  deepEqual([answered, errors.length], [['a', 'b', 'c'], 3])
})

test('of a report each is answered by itself', async () => {
  const { calls, say } = begin()
  const all = [say('a'), say('b'), say('c')]
  await settled()
  const error = { code: 'CONFLICT', message: 'lost', details: { reason: 'lease_lost' } }
  calls[0]!.answer({ ends: [standing('a'), { run_id: 'b', error }, standing('c')], runs: [] })
  const [a, b, c] = await Promise.allSettled(all)
  deepEqual([a!.status, c!.status], ['fulfilled', 'fulfilled'])
  const reason = b!.status === 'rejected' && (b!.reason as NexusError)
  ok(reason instanceof NexusError)
  deepEqual([reason.code, reason.status, reason.details.reason], ['CONFLICT', 409, 'lease_lost'])
})

test('what failed in passing is said again, without what needs no answer any more and with what ended meanwhile', async () => {
  const { ends, calls, errors, say, idsIn, answer } = begin()
  let isLost = false
  const first = say('a')
  const lost = ends.send(() => (isLost ? undefined : done('b')))
  await settled()
  equal(idsIn(calls[0]!), 'a,b')
  isLost = true
  const late = say('c')
  calls[0]!.fail(new NexusError('TIMEOUT', 'no answer', { status: 0 }))
  await settled()
  equal(idsIn(calls[1]!), 'a,c')
  answer(calls[1]!)
  deepEqual(await Promise.all([first, lost, late]), [standing('a'), undefined, standing('c')])
  equal(errors.length, 1)
})

test('where a report is refused as a whole each is said alone, and the one at fault is told', async () => {
  const { calls, errors, say } = begin(() => ({ names: ['x'], poll_id: 'p' }))
  const all = Promise.allSettled([say('a'), say('odd'), say('c')])
  await settled()
  const refusal = () => new NexusError('INVALID_REQUEST', 'odd', { status: 400 })
  calls[0]!.fail(refusal())
  for (const [i, id] of ['a', 'odd', 'c'].entries()) {
    await settled()
    const call = calls[i + 1]!
    deepEqual([call.id, call.input.run_id], ['runs.complete', id])
    if (id === 'odd') call.fail(refusal())
    else call.answer(standing(id))
  }
  deepEqual(
    (await all).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  deepEqual([calls.length, errors], [4, []])
})

test('a report has no more ends, and is no larger, than the server takes', async () => {
  const { calls, say, answer } = begin()
  for (let n = 0; n < workerLimits.endsMax + 1; n++) void say(`run-${n}`)
  for (let n = 0; n < 10; n++) void say(`large-${n}`, 'x'.repeat(180_000))
  const lengths: number[] = []
  for (let call = 0; call < 3; call++) {
    await settled()
    lengths.push((calls[call]!.input.ends as Ended).length)
    ok(JSON.stringify(calls[call]!.input).length < workerLimits.reportBytesMax)
    answer(calls[call]!)
  }
  await settled()
  deepEqual([lengths, calls.length], [[100, 6, 5], 3])
})

test('what is asked for with a report is given with its answer, also to one end', async () => {
  const asked = { names: ['x'], max: 3, poll_id: 'p' }
  const { calls, leased, say, answer } = begin(() => asked)
  const end = say('a')
  await settled()
  deepEqual(calls[0]!.input, { worker_id: 'w', ends: [done('a').input], lease: asked })
  const broken = new NexusError('TIMEOUT', 'no answer', { status: 0 })
  calls[0]!.fail(broken)
  await settled()
  answer(calls[1]!, { runs: ['order'] as never })
  await end
  deepEqual(leased, [broken, 'order'])
})

test('once it is closed nothing more is said, and nobody waits', async () => {
  const { ends, calls, say } = begin()
  const under = say('a')
  await settled()
  const waiting = say('b')
  ends.close()
  calls[0]!.fail(new NexusError('TIMEOUT', 'no answer', { status: 0 }))
  deepEqual(await Promise.all([under, waiting, say('c')]), [undefined, undefined, undefined])
  equal(calls.length, 1)
})

test('what fails for a reason of its own rejects', async () => {
  const { calls, say } = begin()
  const end = say('a')
  await settled()
  calls[0]!.fail(new TypeError('a bug'))
  await rejects(end, TypeError)
})
