import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Input, Output } from '@nexus/contract'
import type { CallOptions, Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import { retryDefaults } from '../retry.ts'
import { Heartbeats } from './heartbeats.ts'
import type { HeldRun } from './held-run.ts'

interface Call {
  input: Input<'workers.heartbeat'>
  answer(runs: Output<'workers.heartbeat'>['runs']): void
  fail(error: Error): void
  isOver: boolean
}

/** Everything that is ready to run has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

const standing = (run_id: string, more: object = {}) =>
  ({ run_id, status: 'running', cancel_requested: false, lease_expires_at: null, lost: false, ...more }) as const

/** Heartbeats for runs of these names; the test answers. */
function begin(t: TestContext, ...ids: string[]) {
  const calls: Call[] = []
  const heard: string[] = []
  const errors: Error[] = []
  const runs = new Map<string, HeldRun>()
  const add = (id: string) => {
    const run = { id, leaseToken: `lease-${id}`, heard: () => heard.push(id), lost: () => heard.push(`${id} lost`) }
    runs.set(id, run as unknown as HeldRun)
  }
  for (const id of ids) add(id)
  const invoke = (_: string, input: Input<'workers.heartbeat'>, { signal }: CallOptions = {}) =>
    new Promise<Output<'workers.heartbeat'>>((resolve, reject) => {
      const call: Call = { input, answer: (said) => resolve({ runs: said }), fail: reject, isOver: false }
      signal!.addEventListener('abort', () => {
        call.isOver = true
        reject(signal!.reason)
      })
      calls.push(call)
    })
  const stop = new AbortController()
  const heartbeats = new Heartbeats({
    invoke: invoke as Invoke,
    policy: { ...retryDefaults, sleep: async () => {} },
    workerId: 'w',
    held: () => [...runs.values()],
    onError: (error) => errors.push(error),
  })
  const ended = heartbeats.run(stop.signal)
  t.after(() => stop.abort())
  const asked = () => calls.map(({ input }) => input.runs.map(({ run_id }) => run_id).join())
  return { calls, heard, errors, runs, add, heartbeats, stop, ended, asked }
}

test('one call renews all leases, and the next follows once it was answered', async (t) => {
  const { calls, heard, asked } = begin(t, 'a', 'b', 'c')
  await settled()
  deepEqual(asked(), ['a,b,c'])
  deepEqual(calls[0]!.input.runs[0], { run_id: 'a', lease_token: 'lease-a' })
  calls[0]!.answer([standing('a'), standing('b', { lost: true })])
  await settled()
  deepEqual(heard, ['a', 'b lost', 'c lost'])
  equal(calls.length, 2)
})

test('of two attempts of a run each hears its own, and the lost one lets go', async (t) => {
  const { calls, heard, add, runs, heartbeats } = begin(t, 'a')
  runs.set('first', { ...runs.get('a')!, lost: () => heard.push('first lost') } as unknown as HeldRun)
  runs.delete('a')
  add('a')
  heartbeats.look()
  await settled()
  calls.at(-1)!.answer([standing('a', { lost: true }), standing('a')])
  await settled()
  deepEqual(heard, ['first lost', 'a'])
})

test('a call that does not know of a run gives way to one that does', async (t) => {
  const { calls, asked, add, runs, heartbeats, errors } = begin(t, 'a')
  await settled()
  heartbeats.look()
  await settled()
  equal(calls[0]!.isOver, false)
  add('b')
  heartbeats.look()
  await settled()
  deepEqual([calls[0]!.isOver, asked()], [true, ['a', 'a,b']])
  runs.delete('a')
  heartbeats.look()
  await settled()
  deepEqual([calls[1]!.isOver, errors], [false, []])
})

test('whoever was not answered asks for an answer at once, and waits again once there was one', async (t) => {
  const { calls, errors } = begin(t, 'a')
  await settled()
  calls[0]!.fail(new NexusError('TIMEOUT', 'no answer', { status: 0 }))
  await settled()
  calls[1]!.fail(new NexusError('INTERNAL_ERROR', 'broken', { status: 500 }))
  await settled()
  calls[2]!.answer([standing('a')])
  await settled()
  deepEqual(
    calls.map(({ input }) => input.wait_seconds),
    [10, 0, 0, 10],
  )
  equal(errors.length, 2)
})

test('without runs nothing is asked, and it ends with its signal', async (t) => {
  const { calls, add, heartbeats, stop, ended } = begin(t)
  await settled()
  equal(calls.length, 0)
  add('a')
  heartbeats.look()
  await settled()
  equal(calls.length, 1)
  stop.abort()
  await ended
  equal(calls[0]!.isOver, true)
})
