import { deepEqual, equal, match } from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createEventStore, openSealer, openState } from '../../storage/state/index.ts'
import { startTestNexus, type TestNexus, testFolder } from '../../testing/nexus.ts'
import { until } from '../../testing/until.ts'

async function finish({ client }: TestNexus): Promise<void> {
  const [order] = (await client.commands.lease({ device_id: 'd' }))!.executions
  const held = { execution_id: order!.execution_id, lease_token: order!.lease_token }
  await client.executions.result({ ...held, status: 'completed' })
}

/** The types and ids of what a stream that has ended said. */
function said(text: string): string[] {
  return [...text.matchAll(/^event: (.+)$/gm)].map(([, type]) => type!)
}

test('a command is followed from its first event to its last, whenever one begins, and nothing else is told', async (t) => {
  const nexus = await startTestNexus(t)
  const target = { device_id: 'd' }
  await nexus.client.commands.execute({ command: 'other', target: { device_id: 'e' } })
  const { command_id } = await nexus.client.commands.execute({ command: 'x', target })
  const path = `/v1/commands/${command_id}/events`
  const live = await nexus.request(path)
  equal(live.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  await finish(nexus)
  const all = ['command.submitted', 'command.started', 'command.completed', 'stream.ended']
  const text = await live.text()
  deepEqual(said(text), all)
  deepEqual(said(await (await nexus.request(path)).text()), all)

  const ids = [...text.matchAll(/^event: command\.\w+\nid: (evt-\d+)/gm)].map(([, id]) => id!)
  const rest = await nexus.request(path, { headers: { 'last-event-id': ids[1]! } })
  deepEqual(said(await rest.text()), ['command.completed', 'stream.ended'])
  for (const last of [ids[2]!, 'evt-999999999'])
    equal((await nexus.request(path, { headers: { 'last-event-id': last } })).status, 204)
})

/** The same state, with all but the newest events gone from the log. */
async function restartTrimmed(t: TestContext, { folder, key, stop }: TestNexus, keep: number): Promise<TestNexus> {
  await stop()
  const engine = await openState({ file: join(folder, 'state.db') })
  const store = createEventStore(engine, await openSealer(engine, { file: join(folder, 'master.key'), now: 0 }))
  while (await store.trim(0, keep));
  await engine.close()
  return startTestNexus(t, { dataDir: folder, adminKey: key })
}

test('the stream of a command that has ended ends too when its events are gone from the log, and says what is missing', async (t) => {
  const nexus = await startTestNexus(t, { dataDir: testFolder(t) })
  const { command_id } = await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  await finish(nexus)
  const path = `/v1/commands/${command_id}/events`
  const some = await restartTrimmed(t, nexus, 1)
  deepEqual(said(await (await some.request(path)).text()), ['stream.gap', 'command.completed', 'stream.ended'])
  const none = await restartTrimmed(t, some, 0)
  deepEqual(said(await (await none.request(path)).text()), ['stream.gap', 'stream.ended'])
  const last = { 'last-event-id': 'evt-1' }
  deepEqual(said(await (await none.request(path, { headers: last })).text()), ['stream.gap', 'stream.ended'])
})

test('a command whose first events are gone from the log is followed to its end', async (t) => {
  const nexus = await startTestNexus(t, { dataDir: testFolder(t) })
  const { command_id } = await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  const trimmed = await restartTrimmed(t, nexus, 0)
  const live = await trimmed.request(`/v1/commands/${command_id}/events`)
  await finish(trimmed)
  deepEqual(said(await live.text()), ['stream.gap', 'command.started', 'command.completed', 'stream.ended'])
})

test('who may not see a command may not follow it', async (t) => {
  const nexus = await startTestNexus(t)
  const { command_id } = await nexus.client.commands.execute({ command: 'health_check', target: { device_id: 'd' } })
  const path = `/v1/commands/${command_id}/events`
  const statusFor = async (scope: 'task:read' | 'command:execute:data' | 'command:execute:diagnostic') => {
    const { key } = await nexus.as({ scopes: [scope] })
    const answer = await nexus.request(path, { key })
    await answer.body?.cancel()
    return answer.status
  }
  equal(await statusFor('task:read'), 403)
  equal(await statusFor('command:execute:data'), 404)
  equal(await statusFor('command:execute:diagnostic'), 200)
  equal((await nexus.request('/v1/commands/cmd-none/events')).status, 404)
  const refused = await nexus.request(`${path}?no_such=1`)
  match(await refused.text(), /no_such/)
})

test('a stream of a command ends when its key is revoked', async (t) => {
  const nexus = await startTestNexus(t)
  const { command_id } = await nexus.client.commands.execute({ command: 'x', target: { device_id: 'd' } })
  const made = await nexus.client.auth.keys.create({ name: 'short', scopes: ['command:execute'] })
  const live = await nexus.request(`/v1/commands/${command_id}/events`, { key: made.key })
  const text = live.text()
  await until('it is open', async () => (await nexus.request('/healthz')).ok)
  await nexus.client.auth.keys.revoke({ key_id: made.key_id })
  deepEqual(said(await text), ['command.submitted', 'stream.expired'])
})
