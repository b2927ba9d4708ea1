import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Command, type CommandInput, rateDefaults } from '@nexus/contract'
import {
  createClient,
  type DeviceCommand,
  DeviceError,
  type DeviceJournal,
  type DeviceOptions,
  type JournalEntry,
} from '@nexus/sdk'
import { startTestNexus, type TestNexus, testFolder } from '../testing/nexus.ts'
import { startTcpRelay } from '../testing/tcp-relay.ts'
import { until } from '../testing/until.ts'

const retry = { initialDelayMs: 1, maxDelayMs: 20 }

interface Settings extends DeviceOptions {
  /** Instead of the server's. */
  url?: string
  key?: string
}

async function keyOf(nexus: TestNexus): Promise<string> {
  return (await nexus.as({ scopes: ['telemetry:write'], device_id: 'd' })).key
}

/** A device of the SDK with a key of its own; it stops with the test. */
async function deviceOf(t: TestContext, nexus: TestNexus, { url = nexus.url, key, ...options }: Settings = {}) {
  const client = createClient({ url, apiKey: key ?? (await keyOf(nexus)), retry })
  const errors: Error[] = []
  const device = client.device('d', { onError: (error) => errors.push(error), ...options })
  t.after(() => device.stop({ graceMs: 0, lastWordsMs: 200 }))
  return { device, errors }
}

const submit = (nexus: TestNexus, command: string, more: Partial<CommandInput> = {}) =>
  nexus.client.commands.execute({ command, target: { device_id: 'd' }, ...more })

const ended = (nexus: TestNexus, command_id: string): Promise<Command> =>
  until('the command has ended', async () => {
    const command = await nexus.client.commands.get({ command_id })
    return command.completed_at !== null && command
  })

const fieldsOf = (result: unknown) => result as Record<string, unknown>

/** A handler that the test holds in the middle. */
function held() {
  const begun: DeviceCommand[] = []
  const go = Promise.withResolvers<void>()
  const handler = async (command: DeviceCommand) => {
    begun.push(command)
    await go.promise
    return { run: begun.length }
  }
  return { begun, handler, go: go.resolve, hasBegun: () => until('it has begun', async () => begun[0]) }
}

/** Kept in memory, as a file would over a restart. */
function journalOf() {
  const entries: JournalEntry[] = []
  const journal: DeviceJournal = { load: () => structuredClone(entries), save: (entry) => void entries.push(entry) }
  return { entries, journal, states: () => entries.map(({ state }) => state) }
}

for (const transport of ['websocket', 'long-poll'] as const) {
  test(`over ${transport} a command reaches its handler, and what it says and returns reaches who asked`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device, errors } = await deviceOf(t, nexus, { transport })
    const seen: unknown[] = []
    device.on<{ n: number }, { twice: number }>('double', async (command) => {
      const { id, command_id, attempt, name, service, deadline, trace_id, parameters } = command
      seen.push({ command_id, attempt, name, service, parameters })
      ok(id && trace_id && Date.parse(deadline!) > 0)
      command.progress(40, 'on it')
      command.log('a line')
      command.log('a bad line', 'error')
      return { twice: parameters.n * 2 }
    })
    await device.start()
    const { command_id } = await submit(nexus, 'double', {
      parameters: { n: 21 },
      target: { device_id: 'd', service: 'api' },
    })
    const { status, result } = await ended(nexus, command_id)
    const { success, twice } = result as { success: boolean; twice?: number }
    deepEqual([status, success, twice], ['completed', true, 42])
    deepEqual(seen, [{ command_id, attempt: 1, name: 'double', service: 'api', parameters: { n: 21 } }])
    const { lines } = await nexus.client.commands.logs.list({ command_id })
    deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [
        ['info', 'a line'],
        ['error', 'a bad line'],
      ],
    )
    deepEqual(errors, [])
  })

  test(`over ${transport} a device says how far it is, and a cancel reaches the signal and is confirmed`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device } = await deviceOf(t, nexus, { transport })
    let reason: unknown
    device.on('wait', async ({ signal, progress }) => {
      progress(10, 'waiting')
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      reason = signal.reason
      signal.throwIfAborted()
    })
    await device.start()
    const { command_id } = await submit(nexus, 'wait')
    await until('progress', async () => (await nexus.client.commands.get({ command_id })).progress?.percent === 10)
    await nexus.client.commands.cancel({ command_id })
    const { status, status_reason } = await ended(nexus, command_id)
    deepEqual([status, status_reason], ['cancelled', 'cancelled'])
    ok(reason instanceof DeviceError)
    equal(reason.code, 'cancelled')
  })

  test(`over ${transport} what fails, and what a device doesn't know, is told in its own words`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device, errors } = await deviceOf(t, nexus, { transport })
    device
      .on('refuse', () => {
        throw new DeviceError('no_such_service', 'there is no service of that name')
      })
      .on('break', () => {
        throw new TypeError('a bug')
      })
      .on('cycle', () => {
        const cycle: { self?: unknown } = {}
        cycle.self = cycle
        return cycle
      })
      .on('nothing', () => undefined)
    await device.start()
    const outcomeOf = async (name: string) => {
      const { status, sub_status, error } = await ended(nexus, (await submit(nexus, name)).command_id)
      return [status, sub_status, error?.code]
    }
    deepEqual(await outcomeOf('refuse'), ['failed', 'error', 'no_such_service'])
    deepEqual(await outcomeOf('break'), ['failed', 'error', 'failed'])
    deepEqual(await outcomeOf('cycle'), ['failed', 'error', 'invalid_result'])
    deepEqual(await outcomeOf('nothing'), ['completed', null, undefined])
    deepEqual(await outcomeOf('unknown'), ['failed', 'rejected', 'rejected'])
    deepEqual(
      errors.map(({ message }) => message),
      ['a bug'],
    )
  })

  test(`over ${transport} a result that is larger than a message comes whole, and one that is larger than may be kept is a failure`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device } = await deviceOf(t, nexus, { transport })
    device.on<{ length: number }>('big', ({ parameters }) => ({ text: 'x'.repeat(parameters.length) }))
    await device.start()
    const outcomeOf = async (length: number) =>
      ended(nexus, (await submit(nexus, 'big', { parameters: { length } })).command_id)
    equal(((await outcomeOf(150_000)).result as { text?: string }).text?.length, 150_000)
    equal((await outcomeOf(300_000)).error?.code, 'result_too_large')
  })

  test(`over ${transport} a device that stops finishes what it has, and takes nothing more`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device } = await deviceOf(t, nexus, { transport })
    const { handler, go, hasBegun } = held()
    device.on('hold', handler)
    await device.start()
    const first = await submit(nexus, 'hold')
    await hasBegun()
    const stopped = device.stop()
    await until('it is gone', async () => (await nexus.client.devices.get({ device_id: 'd' })).status === 'offline')
    const second = await submit(nexus, 'hold')
    go()
    await stopped
    equal((await nexus.client.commands.get({ command_id: first.command_id })).status, 'completed')
    equal((await nexus.client.commands.get({ command_id: second.command_id })).status, 'pending')
  })

  test(`over ${transport} a handler that doesn't end is aborted when the device stops, and the command fails`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device } = await deviceOf(t, nexus, { transport })
    const { hasBegun, begun } = held()
    device.on('hold', async (command) => {
      begun.push(command)
      await new Promise((resolve) => command.signal.addEventListener('abort', resolve, { once: true }))
      command.signal.throwIfAborted()
    })
    await device.start()
    const { command_id } = await submit(nexus, 'hold')
    await hasBegun()
    await device.stop({ graceMs: 0 })
    const { status, error } = await nexus.client.commands.get({ command_id })
    deepEqual([status, error?.code], ['failed', 'device_stopped'])
  })
}

test('a connection that breaks again and again runs no command twice, and every result arrives', async (t) => {
  const nexus = await startTestNexus(t)
  const relay = await startTcpRelay(t, nexus.url)
  const { device } = await deviceOf(t, nexus, { url: relay.url })
  const runs = new Map<string, number>()
  device.onAny(async ({ command_id, signal, progress, log }) => {
    runs.set(command_id, (runs.get(command_id) ?? 0) + 1)
    progress(50)
    log('half')
    await new Promise((resolve) => setImmediate(resolve))
    return { aborted: signal.aborted }
  })
  await device.start()
  const ids: string[] = []
  for (let n = 0; n < 60; n++) {
    ids.push((await submit(nexus, 'x')).command_id)
    if (n % 10 === 5) relay.cut()
    if (n % 10 === 8) relay.mend()
  }
  for (const id of ids) {
    const { status, result } = await ended(nexus, id)
    deepEqual([status, fieldsOf(result).aborted], ['completed', false])
  }
  deepEqual(
    ids.map((id) => runs.get(id)),
    ids.map(() => 1),
  )
})

test('a command goes on over a restart of the server, and its result is confirmed by the next', async (t) => {
  const dataDir = testFolder(t)
  const first = await startTestNexus(t, { dataDir })
  const { device, errors } = await deviceOf(t, first)
  const { handler, begun, go, hasBegun } = held()
  device.on('hold', handler)
  await device.start()
  const { command_id } = await submit(first, 'hold')
  await hasBegun()
  await first.stop()
  await until('it is told', async () => errors.length > 0)
  go()
  const { port } = new URL(first.url)
  const second = await startTestNexus(t, { dataDir, port: Number(port), adminKey: first.key })
  const { status, result } = await ended(second, command_id)
  deepEqual([status, fieldsOf(result).run, begun.length, begun[0]!.signal.aborted], ['completed', 1, 1, false])
})

test('what is taken from a device because it was lost is aborted, and told as it is', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  const { device, errors } = await deviceOf(t, nexus, { key, transport: 'long-poll' })
  let ticking: ReturnType<typeof setInterval> | undefined
  t.after(() => clearInterval(ticking))
  let reason: unknown
  device.on('hold', async ({ signal, progress }) => {
    let n = 0
    ticking = setInterval(() => progress(Math.min(99, n++)), 50)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    clearInterval(ticking)
    reason = signal.reason
    signal.throwIfAborted()
  })
  await device.start()
  const { command_id } = await submit(nexus, 'hold')
  await until('it runs', async () => (await nexus.client.commands.get({ command_id })).status === 'running')
  const other = createClient({ url: nexus.url, apiKey: key, retry })
  await other.commands.lease({ device_id: 'd', have: [] })
  const { status, status_reason } = await ended(nexus, command_id)
  deepEqual([status, status_reason], ['failed', 'outcome_unknown'])
  await until('it is aborted', async () => reason !== undefined)
  equal((reason as DeviceError).code, 'lease_lost')
  deepEqual(errors, [])
})

test('what is given again under a new lease while it runs goes on, and is answered once it has ended', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  const relay = await startTcpRelay(t, nexus.url)
  const { device } = await deviceOf(t, nexus, { key, url: relay.url })
  const { handler, begun, go, hasBegun } = held()
  device.on('hold', handler)
  await device.start()
  const { command_id } = await submit(nexus, 'hold', { delivery: { max_attempts: 3 } })
  await hasBegun()
  relay.cut()
  // The server takes what the device has for lost.
  await createClient({ url: nexus.url, apiKey: key, retry }).commands.lease({ device_id: 'd', have: [] })
  relay.mend()
  await until('it was given again', async () => {
    const { executions } = await nexus.client.commands.executions.list({ command_id })
    return executions[0]!.attempt >= 2 && executions[0]!.delivered_at !== null
  })
  go()
  const { status, result } = await ended(nexus, command_id)
  deepEqual([status, fieldsOf(result).run, begun.length, begun[0]!.signal.aborted], ['completed', 1, 1, false])
})

test('where no WebSocket can be opened a device polls, and says so', async (t) => {
  const nexus = await startTestNexus(t)
  const client = createClient({
    url: nexus.url,
    apiKey: await keyOf(nexus),
    retry,
    WebSocket: class {
      constructor() {
        throw new Error('blocked')
      }
    } as unknown as typeof WebSocket,
  })
  const device = client.device('d', { onError: () => {} }).on('x', () => 7)
  t.after(() => device.stop())
  await device.start()
  const { status, result } = await ended(nexus, (await submit(nexus, 'x')).command_id)
  deepEqual([status, fieldsOf(result).data], ['completed', 7])
})

test('a device whose key is refused says so again and again, and ends nothing', async (t) => {
  const nexus = await startTestNexus(t)
  for (const [transport, code] of [
    ['websocket', 'FORBIDDEN'],
    ['long-poll', 'FORBIDDEN'],
  ] as const) {
    const { key } = await nexus.as({ scopes: ['telemetry:write'] })
    const { device, errors } = await deviceOf(t, nexus, { key, transport })
    await device.start()
    await until('it is told', async () => errors.length > 1)
    ok(errors.every((error) => (error as DeviceError).code === code))
    await device.stop()
  }
})

test('of what a device had begun when its process died, what is idempotent runs again, and the rest has failed', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  const relay = await startTcpRelay(t, nexus.url)
  const { journal, states } = journalOf()
  const { device } = await deviceOf(t, nexus, { key, url: relay.url, journal })
  const once = held()
  const again = held()
  device.on('once', once.handler).on('again', again.handler, { idempotent: true })
  await device.start()
  const ids = [
    (await submit(nexus, 'once')).command_id,
    (await submit(nexus, 'again', { parameters: { n: 5 } })).command_id,
  ]
  await once.hasBegun()
  await again.hasBegun()
  deepEqual(states(), ['begun', 'begun'])
  // As when the process dies: nothing of it reaches the server any more.
  relay.cut()
  const { device: restarted } = await deviceOf(t, nexus, { key, journal })
  const parameters: unknown[] = []
  restarted
    .on('once', () => parameters.push('never'))
    .on('again', (command) => void parameters.push(command.parameters), { idempotent: true })
  await restarted.start()
  const [first, second] = [await ended(nexus, ids[0]!), await ended(nexus, ids[1]!)]
  deepEqual([first.status, first.error?.code], ['failed', 'device_restarted'])
  equal(second.status, 'completed')
  deepEqual(parameters, [{ n: 5 }])
})

test('a result that the server had not confirmed when the process died is brought to it by the next', async (t) => {
  const nexus = await startTestNexus(t)
  const key = await keyOf(nexus)
  const relay = await startTcpRelay(t, nexus.url)
  const { journal, entries } = journalOf()
  const { device } = await deviceOf(t, nexus, { key, url: relay.url, journal })
  const { handler, go, hasBegun } = held()
  device.on('hold', handler)
  await device.start()
  const { command_id } = await submit(nexus, 'hold')
  await hasBegun()
  relay.cut()
  go()
  await until('it has ended', async () => entries.some(({ state }) => state === 'ended'))
  const { device: restarted } = await deviceOf(t, nexus, { key, journal })
  await restarted.start()
  const { status, result } = await ended(nexus, command_id)
  deepEqual([status, fieldsOf(result).run], ['completed', 1])
  await until('it is confirmed', async () => entries.at(-1)!.state === 'confirmed')
})

test('many commands at once are done, within the bounds of a connection', async (t) => {
  const nexus = await startTestNexus(t, { rateLimits: { ...rateDefaults, command: 100_000, other: 100_000 } })
  const { device, errors } = await deviceOf(t, nexus, { maxConcurrency: 100 })
  device.on('x', ({ log, progress }) => {
    for (let n = 0; n < 500; n++) {
      log(`line ${n}`)
      progress(n / 5)
    }
  })
  await device.start()
  const ids: string[] = []
  for (let n = 0; n < 60; n++) ids.push((await submit(nexus, 'x')).command_id)
  for (const id of ids) equal((await ended(nexus, id)).status, 'completed')
  const { lines, dropped } = await nexus.client.commands.logs.list({ command_id: ids[0]!, limit: 100 })
  match(lines[0]!.message, /^line 0$/)
  deepEqual([lines.length, dropped, errors], [100, 0, []])
})
