import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { createClient, NexusError, RunFailure } from '@nexus/sdk'
import { startTestNexus, testFolder } from '../testing/nexus.ts'
import { ended, held, retry, spied, submit, workerOf } from '../testing/sdk-worker.ts'
import { startTcpRelay } from '../testing/tcp-relay.ts'
import { until } from '../testing/until.ts'

test('a lease that is lost aborts the handler, nothing is reported any more, and the next attempt waits for it', async (t) => {
  const nexus = await startTestNexus(t)
  const spy = spied()
  const { worker, errors } = await workerOf(t, nexus, { concurrency: 2, fetch: spy.fetch })
  const { begun, handler, go, hasBegun } = held()
  worker.handle('x', async (run) => {
    if (run.attempt > 1) return { second: run.attempt, afterFirst: begun[0]!.signal.aborted }
    return handler(run)
  })
  worker.start()
  const run_id = await submit(nexus, { retry_policy: { max_retries: 3, initial_delay_seconds: 0 } })
  const { signal, saveCheckpoint } = await hasBegun()
  // As the server does when it has not heard of it for too long.
  const lease_token = spy.leaseOf(run_id)
  await nexus.client.runs.fail({ run_id, lease_token, error: { code: 'taken', message: 'away' } })
  await until('it is aborted', async () => signal.aborted)
  equal((signal.reason as RunFailure).code, 'lease_lost')
  await rejects(saveCheckpoint(1), { code: 'lease_lost' })
  await until('the same worker has it again', async () => (await nexus.client.runs.get({ run_id })).attempt === 2)
  equal((await nexus.client.runs.get({ run_id })).status, 'running')
  go()
  deepEqual((await ended(nexus, run_id)).result, { second: 2, afterFirst: true })
  deepEqual(
    errors.map((error) => (error as RunFailure).code),
    ['lease_lost'],
  )
  const reports = [...spy.of('/complete'), ...spy.of('/fail')].map(({ input }) => input.lease_token === lease_token)
  deepEqual(reports, [false])
})

test('a lease that is lost aborts the handler also where the next attempt is here before that is heard', async (t) => {
  const nexus = await startTestNexus(t)
  let isHeld = true
  const gate = Promise.withResolvers<void>()
  const spy = spied()
  /** The first heartbeat hears nothing until it is cut by the run that came after. */
  const slow: typeof fetch = async (url, init) => {
    if (!isHeld || !String(url).endsWith('/heartbeat')) return spy.fetch(url, init)
    isHeld = false
    init!.signal!.addEventListener('abort', () => gate.resolve(), { once: true })
    await gate.promise
    throw init!.signal!.reason
  }
  const { worker } = await workerOf(t, nexus, { concurrency: 2, fetch: slow })
  const { handler, go, hasBegun } = held()
  worker.handle<Record<string, unknown>, unknown>('x', (run) => (run.attempt > 1 ? 'second' : handler(run))).start()
  const run_id = await submit(nexus, { retry_policy: { max_retries: 3, initial_delay_seconds: 0 } })
  const { signal } = await hasBegun()
  await until('its heartbeat is open', async () => !isHeld)
  await nexus.client.runs.fail({ run_id, lease_token: spy.leaseOf(run_id), error: { code: 'taken', message: 'away' } })
  await until('it is aborted', async () => signal.aborted)
  equal((signal.reason as RunFailure).code, 'lease_lost')
  go()
  equal((await ended(nexus, run_id)).result, 'second')
})

test('a report that was taken but whose answer was lost is said again, and answered as the first', async (t) => {
  const nexus = await startTestNexus(t)
  const spoiled = new Set<string>()
  const spy = spied((path) => {
    const isFirst = /\/(complete|fail)$/.test(path) && !spoiled.has(path)
    spoiled.add(path)
    return isFirst
  })
  // With a place left a poll is open, and a report asks for nothing.
  const { worker, errors } = await workerOf(t, nexus, { fetch: spy.fetch, concurrency: 2 })
  worker
    .handle('works', () => ({ rows: 3 }))
    .handle('fails', () => Promise.reject(new RunFailure('broken', 'it broke')))
    .start()
  const works = await submit(nexus, { name: 'works' })
  deepEqual((await ended(nexus, works)).result, { rows: 3 })
  const fails = await submit(nexus, { name: 'fails', retry_policy: { max_retries: 0 } })
  equal((await ended(nexus, fails)).error?.code, 'broken')
  await worker.stop()
  deepEqual([spy.of('/complete').length, spy.of('/fail').length], [2, 2])
  ok(errors.every((error) => error instanceof NexusError && error.status === 0))
  equal(errors.length, 2)
})

test('a report of many whose answer was lost is said again, and what it had asked for is given back and done once', async (t) => {
  const nexus = await startTestNexus(t)
  let reports = 0
  const spy = spied((path) => path.endsWith('/report') && ++reports % 2 === 1)
  const { worker, errors } = await workerOf(t, nexus, { fetch: spy.fetch, concurrency: 5 })
  const { task_id } = await nexus.client.tasks.create({
    ...{ name: 'x', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } },
  })
  const ids: string[] = []
  for (let n = 0; n < 30; n++) ids.push((await nexus.client.tasks.execute({ task_id, parameters: { n } })).run_id)
  worker.handle<{ n: number }, number>('x', ({ parameters, attempt }) => parameters.n * attempt).start()
  for (const [n, id] of ids.entries()) deepEqual((await ended(nexus, id)).result, n)
  await worker.stop()
  ok(spy.of('/release').length > 0)
  ok(spy.of('/report').some(({ input }) => (input.ends as unknown[]).length === 5))
  ok(errors.every((error) => error instanceof NexusError && error.status === 0))
})

test('a run whose order was lost on the way is given back, and given again', async (t) => {
  const nexus = await startTestNexus(t)
  let isFirst = true
  const spy = spied((path) => {
    const isSpoilt = isFirst && path.endsWith('/lease')
    if (isSpoilt) isFirst = false
    return isSpoilt
  })
  const run_id = await submit(nexus)
  const { worker, errors } = await workerOf(t, nexus, { fetch: spy.fetch })
  worker.handle('x', (run) => run.attempt).start()
  equal((await ended(nexus, run_id)).result, 1)
  deepEqual([spy.of('/release').length, errors.length], [1, 1])
})

test('a run goes on over a restart of the server, and its result is confirmed by the next', async (t) => {
  const dataDir = testFolder(t)
  const first = await startTestNexus(t, { dataDir })
  const { worker, errors } = await workerOf(t, first, { concurrency: 2 })
  const { handler, begun, go, hasBegun } = held()
  worker.handle('x', handler).start()
  const run_id = await submit(first)
  const run = await hasBegun()
  await first.stop()
  await until('it is told', async () => errors.length > 0)
  run.log('while it was away')
  go()
  const { port } = new URL(first.url)
  const second = await startTestNexus(t, { dataDir, port: Number(port), adminKey: first.key })
  const { status, result, attempt } = await ended(second, run_id)
  deepEqual([status, result, attempt, begun.length, run.signal.aborted], ['completed', { runs: 1 }, 1, 1, false])
  const { lines } = await second.client.runs.logs.list({ run_id })
  deepEqual(
    lines.map(({ message }) => message),
    ['while it was away'],
  )
  const next = await submit(second)
  equal((await ended(second, next)).status, 'completed')
})

test('over a connection that breaks again and again every run is done, and none is at work twice at once', async (t) => {
  const nexus = await startTestNexus(t)
  const relay = await startTcpRelay(t, nexus.url)
  const { worker } = await workerOf(t, nexus, { url: relay.url, concurrency: 5 })
  const atWork = new Set<string>()
  let twice = 0
  worker.handle('x', async ({ id, log, progress }) => {
    if (atWork.has(id)) twice++
    atWork.add(id)
    log('begun')
    progress(50)
    await new Promise((resolve) => setImmediate(resolve))
    atWork.delete(id)
    return 'done'
  })
  worker.start()
  const { task_id } = await nexus.client.tasks.create({
    ...{ name: 'x', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } },
  })
  for (let n = 0; n < 60; n++) {
    await nexus.client.tasks.execute({ task_id })
    if (n % 10 === 5) relay.cut()
    if (n % 10 === 8) relay.mend()
  }
  // A lease whose answer was lost on the way is over after half a minute.
  await until('all have ended', async () => (await nexus.client.tasks.get({ task_id })).active_runs === 0, 50_000)
  const { runs } = await nexus.client.tasks.runs.list({ task_id, limit: 100 })
  deepEqual([runs.filter(({ status }) => status === 'completed').length, twice], [60, 0])
})

test('a worker whose key is refused says so again and again, and ends nothing', async (t) => {
  const nexus = await startTestNexus(t)
  const { key } = await nexus.as({ scopes: ['task:read'] })
  const errors: Error[] = []
  const client = createClient({ url: nexus.url, apiKey: key, retry })
  const worker = client.worker({ onError: (error) => errors.push(error) }).handle('x', () => 1)
  t.after(() => worker.stop())
  worker.start()
  await until('it is told', async () => errors.length > 1)
  ok(errors.every((error) => (error as NexusError).code === 'FORBIDDEN'))
})
