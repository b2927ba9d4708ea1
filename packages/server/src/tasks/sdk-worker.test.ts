import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { createClient, RunFailure, type WorkerRun } from '@nexus/sdk'
import { startTestNexus } from '../testing/nexus.ts'
import { ended, held, retry, spied, submit, untilAborted, workerOf } from '../testing/sdk-worker.ts'
import { until } from '../testing/until.ts'

test('a run reaches its handler, and what that says and returns reaches who asked', async (t) => {
  const nexus = await startTestNexus(t)
  const { worker, errors } = await workerOf(t, nexus)
  const seen: unknown[] = []
  worker.handle<{ n: number }, { twice: number }>('double', async (run) => {
    const { id, task_id, attempt, name, checkpoint, deadline, scheduled_for, trace_id, parameters } = run
    seen.push({ attempt, name, checkpoint, parameters })
    ok(id && task_id && trace_id && Date.parse(deadline!) > Date.parse(scheduled_for!))
    run.log('a line')
    run.log('a bad line', 'error')
    run.progress(40, 'on it')
    return { twice: parameters.n * 2 }
  })
  worker.start()
  const run_id = await submit(nexus, { name: 'double', parameters: { n: 21 }, timeout_seconds: 60 })
  const { status, result, progress, worker_id } = await ended(nexus, run_id)
  deepEqual([status, result, progress], ['completed', { twice: 42 }, { percent: 40, message: 'on it' }])
  equal(worker_id, worker.id)
  deepEqual(seen, [{ attempt: 1, name: 'double', checkpoint: null, parameters: { n: 21 } }])
  const { lines } = await nexus.client.runs.logs.list({ run_id })
  deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ['info', 'a line'],
      ['error', 'a bad line'],
    ],
  )
  deepEqual(errors, [])
})

test('what fails is told in its own words, with whether another attempt helps', async (t) => {
  const nexus = await startTestNexus(t)
  const { worker, errors } = await workerOf(t, nexus, { concurrency: 10 })
  const attempts: Record<string, number> = {}
  const counted = (handler: (run: WorkerRun) => unknown) => (run: WorkerRun) => {
    attempts[run.name] = run.attempt
    return handler(run)
  }
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  worker
    .handle(
      'refuse',
      counted(() => Promise.reject(new RunFailure('no_rows', 'none', { retryable: false }))),
    )
    .handle(
      'break',
      counted(() => {
        throw new TypeError('a bug')
      }),
    )
    .handle(
      'cycle',
      counted(() => cycle),
    )
    .handle(
      'big',
      counted(() => 'x'.repeat(300_000)),
    )
    .handle(
      'large',
      counted(() => 'x'.repeat(150_000)),
    )
    .handle(
      'nothing',
      counted(() => undefined),
    )
    .start()
  const outcomeOf = async (name: string) => {
    const run_id = await submit(nexus, { name, retry_policy: { max_retries: 1, initial_delay_seconds: 0 } })
    const { status, error } = await ended(nexus, run_id)
    return [status, error?.code, attempts[name]]
  }
  deepEqual(await outcomeOf('refuse'), ['failed', 'no_rows', 1])
  deepEqual(await outcomeOf('break'), ['failed', 'failed', 2])
  deepEqual(await outcomeOf('cycle'), ['failed', 'invalid_result', 1])
  deepEqual(await outcomeOf('big'), ['failed', 'result_too_large', 1])
  deepEqual(await outcomeOf('large'), ['completed', undefined, 1])
  deepEqual(await outcomeOf('nothing'), ['completed', undefined, 1])
  deepEqual(
    errors.map(({ message }) => message),
    ['a bug', 'a bug'],
  )
})

test('an attempt that fails may say how long to wait, and the next one is given its checkpoint', async (t) => {
  const nexus = await startTestNexus(t)
  const { worker } = await workerOf(t, nexus)
  const seen: unknown[] = []
  worker.handle<object, unknown, { row: number }>('x', async (run) => {
    seen.push(run.checkpoint)
    if (run.attempt === 2) return 'done'
    const row = { row: 1 }
    void run.saveCheckpoint(row)
    row.row = 99
    await run.saveCheckpoint({ row: 7 })
    await rejects(run.saveCheckpoint({ row: 'x'.repeat(70_000) as unknown as number }), RangeError)
    await rejects(run.saveCheckpoint(null as never), TypeError)
    throw new RunFailure('busy', 'later', { retryAfterSeconds: 1 })
  })
  worker.start()
  const run_id = await submit(nexus, { retry_policy: { max_retries: 1, initial_delay_seconds: 0 } })
  const waiting = await until('it waits', async () => {
    const run = await nexus.client.runs.get({ run_id })
    return run.sub_status === 'retry_wait' && run
  })
  ok(Date.parse(waiting.next_attempt_at!) > Date.parse(waiting.started_at!))
  const { status, result, attempt } = await ended(nexus, run_id)
  deepEqual([status, result, attempt, seen], ['completed', 'done', 2, [null, { row: 7 }]])
})

test('so many runs are in hand at once as it was told, and one poll is open at a time', async (t) => {
  const nexus = await startTestNexus(t)
  let polls = 0
  let pollsMax = 0
  const counting: typeof fetch = async (url, init) => {
    if (!String(url).endsWith('/lease')) return fetch(url, init)
    pollsMax = Math.max(pollsMax, ++polls)
    return fetch(url, init).finally(() => polls--)
  }
  const { worker } = await workerOf(t, nexus, { concurrency: 3, fetch: counting })
  let atOnce = 0
  let atOnceMax = 0
  const gate = Promise.withResolvers<void>()
  worker.handle('x', async () => {
    atOnceMax = Math.max(atOnceMax, ++atOnce)
    if (atOnceMax < 3) await gate.promise
    gate.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    atOnce--
  })
  const { task_id } = await nexus.client.tasks.create({
    ...{ name: 'x', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } },
  })
  const ids: string[] = []
  for (let n = 0; n < 20; n++) ids.push((await nexus.client.tasks.execute({ task_id })).run_id)
  worker.start()
  for (const id of ids) equal((await ended(nexus, id)).status, 'completed')
  deepEqual([atOnceMax, pollsMax], [3, 1])
})

test('whoever has no place left takes the next runs with the report of those that ended', async (t) => {
  const nexus = await startTestNexus(t)
  const spy = spied()
  const { worker, errors } = await workerOf(t, nexus, { concurrency: 4, fetch: spy.fetch })
  const { task_id } = await nexus.client.tasks.create({
    ...{ name: 'x', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } },
  })
  const ids: string[] = []
  for (let n = 0; n < 20; n++) ids.push((await nexus.client.tasks.execute({ task_id, parameters: { n } })).run_id)
  worker
    .handle<{ n: number }, string>('x', ({ parameters: { n }, log }) => {
      if (n === 3) log('a line before its end')
      if (n === 7) throw new RunFailure('odd', 'seven', { retryable: false })
      return n === 5 ? 'x'.repeat(150_000) : `${n}`
    })
    .start()
  for (const [n, id] of ids.entries()) equal((await ended(nexus, id)).status, n === 7 ? 'failed' : 'completed')
  // The second poll waits for more than there are.
  deepEqual([spy.of('/lease').length, spy.asked('/lease')], [1, 2])
  const reports = spy.of('/report')
  ok(reports.length < 10)
  const given = reports.flatMap(({ answer }) => (answer as { runs: { attempt: number }[] }).runs)
  deepEqual([given.length, given.every(({ attempt }) => attempt === 1)], [16, true])
  equal((await nexus.client.runs.logs.list({ run_id: ids[3]! })).lines.length, 1)
  deepEqual(errors, [])
})

test('a worker looks in its queues alone, and for the names that it knows', async (t) => {
  const nexus = await startTestNexus(t)
  const { worker } = await workerOf(t, nexus, { queues: ['large', 'small'] })
  worker.handle('x', ({ name }) => name).start()
  const other = await submit(nexus, { handler: { type: 'worker', queue: 'other' } })
  const unknown = await submit(nexus, { handler: { type: 'worker', queue: 'large', name: 'y' } })
  const known = await submit(nexus, { name: 'z', handler: { type: 'worker', queue: 'small', name: 'x' } })
  equal((await ended(nexus, known)).result, 'x')
  for (const run_id of [other, unknown]) equal((await nexus.client.runs.get({ run_id })).status, 'queued')
})

test('a worker that stops finishes what it has, and asks for nothing more', async (t) => {
  const nexus = await startTestNexus(t)
  const spy = spied()
  const { worker, errors } = await workerOf(t, nexus, { concurrency: 2, fetch: spy.fetch })
  const { handler, go, hasBegun } = held()
  worker.handle('x', handler).start()
  const first = await submit(nexus)
  await hasBegun()
  const stopped = worker.stop()
  const asked = spy.asked('/lease')
  go()
  await stopped
  const second = await submit(nexus)
  equal((await nexus.client.runs.get({ run_id: first })).status, 'completed')
  equal((await nexus.client.runs.get({ run_id: second })).status, 'queued')
  deepEqual([spy.asked('/lease'), errors], [asked, []])
})

test('a run that was handed to a worker in the instant of its stop goes to another at once, and was no attempt', async (t) => {
  const nexus = await startTestNexus(t)
  const answered = Promise.withResolvers<void>()
  /** The answer is on its way when the worker hangs up. */
  const late: typeof fetch = async (url, init) => {
    if (!String(url).endsWith('/lease')) return fetch(url, init)
    const { signal, ...rest } = init!
    const response = await fetch(url, rest)
    if (response.status !== 200) return response
    answered.resolve()
    await new Promise((resolve) => signal!.addEventListener('abort', resolve, { once: true }))
    throw signal!.reason
  }
  const { worker, errors } = await workerOf(t, nexus, { fetch: late })
  const { worker: other } = await workerOf(t, nexus)
  worker.handle('x', () => 'never').start()
  const run_id = await submit(nexus)
  await answered.promise
  equal((await nexus.client.runs.get({ run_id })).status, 'running')
  await worker.stop()
  const { status, attempt } = await nexus.client.runs.get({ run_id })
  deepEqual([status, attempt], ['queued', 0])
  other.handle('x', (run) => run.attempt).start()
  equal((await ended(nexus, run_id)).result, 1)
  deepEqual(errors, [])
})

test('what does not end in the grace is aborted, fails as worker_stopped, and is done by another worker', async (t) => {
  const nexus = await startTestNexus(t)
  const retry_policy = { max_retries: 3, initial_delay_seconds: 0 }
  const reasons: unknown[] = []
  const deaf = held()
  let polite: string
  let stubborn: string
  {
    const { worker, errors } = await workerOf(t, nexus, { concurrency: 2 })
    let begun = 0
    worker
      .handle('polite', (run) => {
        begun++
        return untilAborted(run).finally(() => reasons.push(run.signal.reason))
      })
      .handle('stubborn', deaf.handler)
      .start()
    polite = await submit(nexus, { name: 'polite', retry_policy })
    stubborn = await submit(nexus, { name: 'stubborn', retry_policy })
    await until('both have begun', async () => begun === 1 && deaf.begun.length === 1)
    await worker.stop({ graceMs: 0, lastWordsMs: 3000 })
    deepEqual(errors, [])
  }
  equal((reasons[0] as RunFailure).code, 'worker_stopped')
  for (const run_id of [polite, stubborn]) {
    const { status, error } = await nexus.client.runs.get({ run_id })
    deepEqual([status, error?.code], ['queued', 'worker_stopped'])
  }
  const { worker } = await workerOf(t, nexus)
  worker
    .handle('polite', () => 'other')
    .handle('stubborn', () => 'other')
    .start()
  for (const run_id of [polite, stubborn]) equal((await ended(nexus, run_id)).result, 'other')
  deaf.go()
})

test('await using stops a worker, which takes no handler once it has started, and starts once', async (t) => {
  const nexus = await startTestNexus(t)
  const client = createClient({ url: nexus.url, apiKey: nexus.key, retry })
  const { handler, go, hasBegun } = held()
  let run_id: string
  {
    await using worker = client.worker()
    match(worker.id, /^worker-[0-9a-f]+$/)
    await rejects(async () => worker.start(), /no handler/)
    worker.handle('x', handler).start()
    await rejects(async () => worker.start(), /starts once/)
    await rejects(async () => worker.handle('y', handler), /before it starts/)
    run_id = await submit(nexus)
    await hasBegun()
    go()
  }
  equal((await nexus.client.runs.get({ run_id })).status, 'completed')
  for (const options of [{ concurrency: 0 }, { concurrency: 1001 }, { callsPerSecond: Number.NaN }])
    await rejects(async () => client.worker(options), RangeError)
})

test('a cancel reaches the signal while the handler is silent, and is confirmed', async (t) => {
  const nexus = await startTestNexus(t)
  const spy = spied()
  const { worker, errors } = await workerOf(t, nexus, { fetch: spy.fetch, concurrency: 3 })
  const reasons: unknown[] = []
  const { handler, hasBegun, go } = held()
  worker
    .handle('x', (run) => untilAborted(run).finally(() => reasons.push(run.signal.reason)))
    .handle('returns', async (run) => {
      await untilAborted(run).catch(() => {})
      return 'what it had so far'
    })
    .handle('other', handler)
    .start()
  const other = await submit(nexus, { name: 'other' })
  await hasBegun()
  for (const name of ['x', 'returns']) {
    const run_id = await submit(nexus, { name })
    await until('it runs', async () => (await nexus.client.runs.get({ run_id })).status === 'running')
    await nexus.client.runs.cancel({ run_id })
    const { status, status_reason } = await ended(nexus, run_id)
    deepEqual([status, status_reason], ['cancelled', 'cancelled'])
  }
  equal((reasons[0] as RunFailure).code, 'cancelled')
  go()
  equal((await ended(nexus, other)).status, 'completed')
  deepEqual(errors, [])
})

test('an attempt whose time is over is aborted, and the server says how it ended', async (t) => {
  const nexus = await startTestNexus(t)
  const { worker, errors } = await workerOf(t, nexus)
  let reason: unknown
  worker.handle('x', (run) => untilAborted(run).finally(() => (reason = run.signal.reason))).start()
  const run_id = await submit(nexus, { timeout_seconds: 1, retry_policy: { max_retries: 0 } })
  equal((await ended(nexus, run_id)).status, 'timeout')
  await until('it is aborted', async () => reason !== undefined)
  equal((reason as RunFailure).code, 'deadline_exceeded')
  deepEqual(errors, [])
})
