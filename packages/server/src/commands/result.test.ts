import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { json, startTestNexus, type TestNexus } from '../testing/nexus.ts'

/** A device has been given a command with these parameters; as JSON, for what literals can't say. */
async function giveTo(nexus: TestNexus, device_id: string, parameters = '{}') {
  const body = `{"command":"x","target":{"device_id":"${device_id}"},"parameters":${parameters}}`
  const submitted = await nexus.request('/v1/commands/execute', { ...json({}), body })
  const { command_id } = (await submitted.json()) as { command_id: string }
  const leased = await nexus.request(`/v1/devices/${device_id}/commands/lease`, json({}))
  const { executions } = (await leased.json()) as { executions: Record<string, string>[] }
  const { execution_id, lease_token, ...order } = executions[0]!
  const say = (result: string) => {
    const body = `{"lease_token":"${lease_token}","status":"completed","result":${result}}`
    return nexus.request(`/v1/executions/${execution_id}/result`, { ...json({}), body })
  }
  return { command_id, order, say }
}

const textOf = async (nexus: TestNexus, id: string) => (await nexus.request(`/v1/commands/${id}`)).text()

test('a message of a result that is no text is refused by its name, and another result may follow', async (t) => {
  const nexus = await startTestNexus(t)
  const { command_id, say } = await giveTo(nexus, 'd')
  for (const message of ['{"text":"x"}', '7', 'null', '["x"]']) {
    const refused = await say(`{"message":${message}}`)
    const { error } = (await refused.json()) as { error: { details: Record<string, unknown> } }
    deepEqual([refused.status, error.details.field], [400, 'result.message'])
  }
  equal((await say('{"message":"x"}')).status, 200)
  equal((await nexus.client.commands.get({ command_id })).result?.message, 'x')
})

test('an error of what completed is refused, and lost to nobody', async (t) => {
  const nexus = await startTestNexus(t)
  const { command_id, say } = await giveTo(nexus, 'd')
  const refused = await say('{},"error":{"code":"x","message":"y"}')
  const { error } = (await refused.json()) as { error: { details: Record<string, unknown> } }
  deepEqual([refused.status, error.details.field], [400, 'error'])
  equal((await nexus.client.commands.get({ command_id })).status, 'pending')
})

test('parameters and results keep a field __proto__, and it changes nothing', async (t) => {
  const nexus = await startTestNexus(t)
  const odd = '{"__proto__":{"success":false,"polluted":1},"nested":{"__proto__":{"n":1}}}'
  const { command_id, order, say } = await giveTo(nexus, 'd', odd)
  equal(JSON.stringify(order.parameters), odd)
  equal((await say(odd)).status, 200)
  equal((await say(odd)).status, 200)
  const text = await textOf(nexus, command_id)
  const { parameters, result } = JSON.parse(text) as { parameters: object; result: object }
  equal(JSON.stringify(parameters), odd)
  const { duration_ms: _, ...said } = result as Record<string, unknown>
  equal(JSON.stringify(said), odd.replace('{', '{"success":true,'))
})
