import type { TestContext } from 'node:test'
import type { Input, Run } from '@nexus/contract'
import { createClient, type WorkerOptions, type WorkerRun } from '@nexus/sdk'
import type { TestNexus } from './nexus.ts'
import { until } from './until.ts'

export const retry = { initialDelayMs: 1, maxDelayMs: 20 }

interface Settings extends WorkerOptions {
  /** Instead of the server's. */
  url?: string
  fetch?: typeof fetch
}

/** A worker of the SDK with a key of its own; it stops with the test. */
export async function workerOf(
  t: TestContext,
  nexus: TestNexus,
  { url = nexus.url, fetch, ...options }: Settings = {},
) {
  const { key: apiKey } = await nexus.as({ scopes: ['task:write'] })
  const client = createClient({ url, apiKey, retry, ...(fetch && { fetch }) })
  const errors: Error[] = []
  const worker = client.worker({ onError: (error) => errors.push(error), ...options })
  t.after(() => worker.stop({ graceMs: 0, lastWordsMs: 200 }))
  return { worker, errors, apiKey }
}

/** Makes a task that runs once, and begins it. */
export async function submit(nexus: TestNexus, more: Partial<Input<'tasks.create'>> = {}): Promise<string> {
  const { task_id } = await nexus.client.tasks.create({ name: 'x', type: 'one_time', ...more })
  return until('its run', async () => (await nexus.client.tasks.runs.list({ task_id })).runs[0]?.run_id)
}

export const ended = (nexus: TestNexus, run_id: string): Promise<Run> =>
  until('the run has ended', async () => {
    const run = await nexus.client.runs.get({ run_id })
    return run.completed_at !== null && run
  })

/** A handler that the test holds in the middle, once for each attempt. */
export function held() {
  const begun: WorkerRun[] = []
  const go = Promise.withResolvers<void>()
  const handler = async (run: WorkerRun) => {
    begun.push(run)
    await go.promise
    return { runs: begun.length }
  }
  return { begun, handler, go: go.resolve, hasBegun: (n = 1) => until(`${n} have begun`, async () => begun[n - 1]) }
}

/** Ends when its signal is aborted, with the reason. */
export async function untilAborted({ signal }: WorkerRun): Promise<void> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  signal.throwIfAborted()
}

/** Sees every call, and may spoil its answer. */
export function spied(spoil: (path: string) => boolean = () => false) {
  const calls: { path: string; input: Record<string, unknown>; answer: unknown }[] = []
  const begun: string[] = []
  const spy: typeof fetch = async (url, init) => {
    const { pathname: path } = new URL(String(url))
    begun.push(path)
    const response = await fetch(url, init)
    const text = await response.clone().text()
    calls.push({ path, input: JSON.parse(String(init?.body)), answer: text === '' ? null : JSON.parse(text) })
    if (spoil(path)) throw new TypeError('fetch failed')
    return response
  }
  const leaseOf = (run_id: string) =>
    calls
      .flatMap(({ answer }) => (answer as { runs?: { run_id: string; lease_token: string }[] } | null)?.runs ?? [])
      .find((run) => run.run_id === run_id)!.lease_token
  return {
    fetch: spy,
    leaseOf,
    of: (end: string) => calls.filter(({ path }) => path.endsWith(end)),
    /** How many were begun. */
    asked: (end: string) => begun.filter((path) => path.endsWith(end)).length,
  }
}
