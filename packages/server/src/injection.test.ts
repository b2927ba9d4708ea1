import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { tellsNothing } from './testing/error-check.ts'
import { json, startTestNexus, type TestNexus } from './testing/nexus.ts'

const seed = 20_251_103
const start = 1_762_134_000
const range = { start_time: start, end_time: start + 3600 }

// A raw insert runs what follows a blank line of its payload as SQL: no text of a client may ever get there raw.
const payloads = [
  '\n\nDROP TABLE points',
  '\n\nDROP TABLE points;\n\n',
  'x\r\n\r\nDROP TABLE points\r\n\r\n',
  '"]\n\nDROP TABLE points;\n["',
  "'\n\nDROP TABLE points; --",
  "'; DROP TABLE points; --",
  "\\'; DROP TABLE points; --",
  "') OR 1=1 --",
  '\\',
  "\\\\'",
  '`"\'; TRUNCATE tag_sets; --',
  "' UNION ALL SELECT * FROM system.tables --",
  "', file('/etc/passwd')) --",
  "\0'; DROP TABLE series; --",
  '{x:String}',
  '$1 ? :a @b %s',
  '/* */ FORMAT JSON --',
]
const withoutBlanks = (payload: string) => payload.replaceAll(/[\s\0]+/g, '/**/').slice(0, 128)

/** Every table is asked for something: one that was dropped or emptied would show. */
async function tablesAnswer(nexus: TestNexus, frames: number): Promise<void> {
  const { client } = nexus
  const { data } = await client.telemetry.query({ ...range, device_id: 'witness', metrics: 'm', aggregation: 'count' })
  equal(data[0]?.m, frames)
  const tagged = await client.telemetry.query({ ...range, tags: 'who:witness', metrics: 'm', aggregation: 'count' })
  equal(tagged.data[0]?.m, frames)
  equal((await client.telemetry.metrics({ device_id: 'witness' })).metrics.length, 1)
  ok((await client.telemetry.tags({ key: 'who' })).tags.some(({ value }) => value === 'witness'))
  equal((await client.auth.keys.list()).keys.length > 0, true)
}

async function startWithWitness(t: Parameters<typeof startTestNexus>[0]): Promise<TestNexus> {
  const nexus = await startTestNexus(t)
  const witness = { device_id: 'witness', metrics: { m: 1 }, tags: { who: 'witness' } }
  await nexus.client.telemetry.frames.send({ ...witness, timestamp: start })
  await tablesAnswer(nexus, 1)
  return nexus
}

test('text that would be SQL in any string of a frame is kept word for word, and drops nothing', async (t) => {
  const nexus = await startWithWitness(t)
  for (const [index, payload] of payloads.entries()) {
    const device_id = `d${withoutBlanks(payload)}`.slice(0, 128)
    const frame = {
      device_id,
      timestamp: start + index,
      metrics: { text: payload, list: [payload], object: { inner: payload, [payload]: payload } },
      tags: { tag: payload },
      metadata: { meta: payload, deep: [{ [payload]: payload }] },
      frame_id: withoutBlanks(payload),
    }
    equal((await nexus.request('/v1/telemetry/frames', json(frame))).status, 201, payload)
    equal((await nexus.request('/v1/telemetry/frames/batch', json([frame]))).status, 201, payload)
    const { data } = await nexus.client.telemetry.query({
      ...range,
      device_id: [device_id],
      metrics: 'text,list,object',
    })
    deepEqual(
      data.map(({ text, list, object }) => ({ text, list, object })),
      [frame.metrics],
      payload,
    )
    const filter = `tag:${payload.replaceAll(/[\\,|*:!]/g, '\\$&')}`
    const found = await nexus.client.telemetry.query({ ...range, tags: filter, metrics: 'text', aggregation: 'last' })
    equal(found.data[0]?.text, payload)
    await tablesAnswer(nexus, 1)
  }
  const { tags } = await nexus.client.telemetry.tags({ key: 'tag' })
  deepEqual(tags.map(({ value }) => value).sort(), [...payloads].sort())
  await nexus.client.telemetry.frames.send({
    device_id: 'witness',
    timestamp: start + 1,
    metrics: { m: 1 },
    tags: { who: 'witness' },
  })
  await tablesAnswer(nexus, 2)
  for (const payload of payloads) {
    const device_id = `d${withoutBlanks(payload)}`.slice(0, 128)
    const { deleted_points } = await nexus.client.telemetry.data.delete({ device_id, ...range })
    ok(deleted_points > 0, payload)
  }
  await tablesAnswer(nexus, 2)
})

test('SQL in any parameter of a reading operation finds nothing more, and breaks nothing', async (t) => {
  const nexus = await startWithWitness(t)
  const queries: [path: string, fixed: Record<string, string>, parameters: string[]][] = [
    ['query', { ...numbers(range) }, ['device_id', 'metrics', 'tags', 'group_by', 'tz', 'interval', 'cursor', 'fill']],
    ['query', { ...numbers(range), aggregation: 'last' }, ['device_id', 'metrics', 'tags', 'group_by', 'tz', 'order']],
    ['query', { aggregation: 'last' }, ['start_time', 'end_time']],
    ['latest', {}, ['device_id', 'metrics', 'tags', 'cursor', 'limit']],
    ['metrics', {}, ['device_id', 'prefix', 'cursor', 'limit']],
    ['tags', {}, ['key', 'cursor', 'limit']],
  ]
  for (const [path, fixed, parameters] of queries) {
    for (const parameter of parameters) {
      for (const payload of payloads.flatMap((text) => variantsFor(parameter, text))) {
        const query = new URLSearchParams({ ...fixed, [parameter]: payload })
        const answer = await nexus.request(`/v1/telemetry/${path}?${query}`)
        const text = await answer.text()
        ok([200, 400, 422].includes(answer.status), `${path} ${parameter}=${payload}: ${answer.status} ${text}`)
        if (answer.ok)
          ok(parameter === 'cursor' || !text.includes('"m":1'), `${path} ${parameter}=${payload} finds ${text}`)
        else tellsNothing(text, { folder: nexus.folder, sent: payload })
      }
    }
  }
  await tablesAnswer(nexus, 1)
})

function numbers({ start_time, end_time }: typeof range): Record<string, string> {
  return { start_time: String(start_time), end_time: String(end_time) }
}

/** As it is, and in the place where the parameter takes free text. */
function variantsFor(parameter: string, text: string): string[] {
  if (parameter === 'tags') return [text, `who:${text}`, `${text}:witness`, `!${text}:x,who:${text}*`]
  if (parameter === 'group_by') return [text, `tag.${text}`].filter((each) => each !== `tag.${text}`)
  if (parameter === 'cursor') return [text, cursorOf([text]), cursorOf([start * 1e6, text]), cursorOf([text, text])]
  return [text]
}

function cursorOf(position: unknown[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url').slice(0, 512)
}

test('a tag that is grouped by is only ever a name', async (t) => {
  const nexus = await startWithWitness(t)
  for (const payload of payloads.filter((text) => !text.includes(','))) {
    const group_by = [`tag.${payload}`]
    const { data } = await nexus.client.telemetry.query({ ...range, metrics: 'm', aggregation: 'sum', group_by })
    deepEqual(
      data.map(({ m }) => m),
      [1],
      payload,
    )
  }
  await tablesAnswer(nexus, 1)
})

test('a cursor that was made up is refused or pages from there, wherever it points', async (t) => {
  const nexus = await startWithWitness(t)
  const instant = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.constantFrom(1e300, -1e300, 2 ** 63, -(2 ** 63), 1e18, 0.5, -1),
  )
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...payloads), fc.constant('\ud800'))
  const position = fc.oneof(fc.tuple(instant, text), fc.tuple(text), fc.array(fc.jsonValue(), { maxLength: 3 }))
  const paths = fc.constantFrom(
    `/v1/telemetry/query?start_time=${start}&end_time=${start + 10}&`,
    ...['/v1/telemetry/latest?', '/v1/telemetry/metrics?', '/v1/telemetry/tags?', '/v1/telemetry/tags?key=who&'],
    '/v1/auth/keys?',
  )
  const property = fc.asyncProperty(paths, position, async (path, at) => {
    const answer = await nexus.request(`${path}cursor=${cursorOf(at)}`)
    ok([200, 400].includes(answer.status), `${answer.status} ${await answer.text()}`)
  })
  await fc.assert(property, { numRuns: 300, seed, endOnFailure: true })
  await tablesAnswer(nexus, 1)
})
