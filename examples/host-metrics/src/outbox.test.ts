import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@nexus/sdk'
import { createOutbox } from './outbox.ts'
import type { HostFrame } from './read-host.ts'

const frame = (second: number): HostFrame => ({
  device_id: 'host',
  timestamp: new Date(second * 1000).toISOString(),
  metrics: { cpu_usage: 1 },
  tags: { os: 'linux', arch: 'x64', role: 'host' },
})

function server() {
  const state = { status: 201, bodies: [] as unknown[] }
  const answer = async (_: unknown, init?: RequestInit) => {
    if (state.status === 0) throw new TypeError('fetch failed')
    if (state.status === 201) state.bodies.push(JSON.parse(String(init?.body)))
    return new Response('{}', { status: state.status })
  }
  const client = createClient({ url: 'http://nexus', apiKey: 'k', fetch: answer as typeof fetch, retry: false })
  return { state, client }
}

test('frames wait while the server is away and go as one batch, oldest first, when it is back', async () => {
  const { state, client } = server()
  const outbox = createOutbox(client)
  state.status = 0
  equal((await outbox.send(frame(1))).waiting, 1)
  state.status = 503
  equal((await outbox.send(frame(2))).waiting, 2)
  state.status = 201
  deepEqual(await outbox.send(frame(3)), { sent: 3, waiting: 0, dropped: 0 })
  deepEqual(state.bodies, [{ frames: [frame(1), frame(2), frame(3)] }])
  await outbox.send(frame(4))
  deepEqual(state.bodies[1], frame(4))
})

test('the outbox is bounded: the oldest frames go first', async () => {
  const { state, client } = server()
  const outbox = createOutbox(client, 2)
  state.status = 0
  for (const second of [1, 2, 3]) await outbox.send(frame(second))
  state.status = 201
  deepEqual(await outbox.send(frame(4)), { sent: 2, waiting: 0, dropped: 2 })
  deepEqual(state.bodies, [{ frames: [frame(3), frame(4)] }])
})

test('a refused key ends it instead of filling the outbox', async () => {
  const { state, client } = server()
  state.status = 401
  await rejects(createOutbox(client).send(frame(1)), { code: 'UNAUTHORIZED' })
})
