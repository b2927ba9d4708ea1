import { deepEqual } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { packPublishable, unpack } from '../../../scripts/publishable.ts'
import { startTestNexus } from '../../server/src/testing/nexus.ts'
import { until } from '../../server/src/testing/until.ts'
import { findChromium, openChromium } from './testing/chromium.ts'
import { type PageServer, servePage } from './testing/page-server.ts'
import { openRelay } from './testing/relay.ts'

const chromium = findChromium()
const skip = chromium === undefined && 'there is no Chromium here'

const folder = mkdtempSync(join(tmpdir(), 'nexus-browser-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const modules = join(folder, 'modules')
if (!skip) for (const packed of await packPublishable(folder)) await unpack(packed, modules)

/** A page with the SDK as it is packed, in a browser, of another origin than Nexus. */
async function open(t: TestContext, page: string, given: { url: string; apiKey: string }): Promise<PageServer> {
  const served = await servePage(t, page, modules, given)
  openChromium(t, chromium!, served.url, (said) => served.fail(`Chromium has ended: ${said}`))
  return served
}

const frame = (n: number, more: object = {}) => ({ device_id: 'd', metrics: { n, ...more } })
const frames = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => frame(from + i))

test('in a browser the SDK calls, follows, and reads errors', { skip }, async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: '*' })
  const page = await open(t, 'call', { url: nexus.url, apiKey: nexus.key })
  deepEqual(await page.hears('done'), {
    success: true,
    latest: 7,
    event: 'page',
    error: ['UNAUTHORIZED', 401, 'string'],
  })
})

test('a page of an origin that is not permitted reads nothing', { skip }, async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: ['https://app.example.com'] })
  const page = await open(t, 'be-refused', { url: nexus.url, apiKey: nexus.key })
  deepEqual(await page.hears('done'), { sdk: ['SERVICE_UNAVAILABLE', 0, 'network_error'], eventSource: 'error' })
})

test('in a browser the SDK is a device that executes commands', { skip }, async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: '*' })
  const { key } = await nexus.as({ scopes: ['telemetry:write'], device_id: 'd' })
  const page = await open(t, 'be-a-device', { url: nexus.url, apiKey: key })
  await page.hears('started')
  const { status, result } = await nexus.client.commands.execute({
    ...{ command: 'double', target: { device_id: 'd' }, parameters: { n: 21 } },
    ...{ async: false, delivery: { mode: 'queue' } },
  })
  const { success, twice } = result as { success: boolean; twice?: number }
  deepEqual([status, success, twice], ['completed', true, 42])
})

test('in a browser the SDK is a worker that does runs', { skip }, async (t) => {
  const nexus = await startTestNexus(t, { corsOrigins: '*' })
  const { key } = await nexus.as({ scopes: ['task:write'] })
  const page = await open(t, 'be-a-worker', { url: nexus.url, apiKey: key })
  await page.hears('started')
  const { task_id } = await nexus.client.tasks.create({ name: 'double', type: 'one_time', parameters: { n: 21 } })
  const run = await until('it is done', async () => {
    const { runs } = await nexus.client.tasks.runs.list({ task_id, status: 'completed' })
    return runs[0]
  })
  deepEqual(run.result, { twice: 42 })
})

const followers: [what: string, page: string][] = [
  ['events.stream() of the SDK', 'follow-with-sdk'],
  ['subscribe() of the SDK', 'follow-with-web-socket'],
  ["a browser's EventSource", 'follow-with-event-source'],
]
for (const [what, page] of followers) {
  test(`${what} gets every event once and in order, over a connection that breaks inside of one`, {
    skip,
  }, async (t) => {
    const nexus = await startTestNexus(t, { corsOrigins: '*' })
    const relay = await openRelay(t, nexus.url)
    const follower = await open(t, page, { url: relay.url, apiKey: nexus.key })
    const { batch, send } = nexus.client.telemetry.frames
    await send(frame(0))
    await follower.hears('first')
    const cut = relay.cutAfter(5000)
    await batch({ frames: frames(1, 200) })
    await cut
    await batch({ frames: frames(200, 300) })
    relay.mend()
    await send(frame(300, { last: true }))
    deepEqual(
      await follower.hears('all'),
      Array.from({ length: 301 }, (_, n) => n),
    )
  })
}
