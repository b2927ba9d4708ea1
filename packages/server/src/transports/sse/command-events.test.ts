import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { startTestNexus, type TestNexus } from '../../testing/nexus.ts'
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
