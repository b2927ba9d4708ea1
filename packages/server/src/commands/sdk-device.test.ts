import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { rateDefaults } from '@nexus/contract'
import { DeviceError } from '@nexus/sdk'
import { startTestNexus } from '../testing/nexus.ts'
import { deviceOf, ended, fieldsOf, held, journalOf, keyOf, submit } from '../testing/sdk-device.ts'
import { startTcpRelay } from '../testing/tcp-relay.ts'
import { until } from '../testing/until.ts'

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

  test(`over ${transport} a command whose handler says nothing is told to be running`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device } = await deviceOf(t, nexus, { transport })
    const done = Promise.withResolvers<void>()
    device.on('work', () => done.promise)
    await device.start()
    const { command_id } = await submit(nexus, 'work')
    const running = await until('it is running', async () => {
      const command = await nexus.client.commands.get({ command_id })
      return command.status === 'running' && command
    })
    deepEqual([running.sub_status, running.progress?.percent ?? null], ['executing', null])
    done.resolve()
    equal((await ended(nexus, command_id)).status, 'completed')
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

  test(`over ${transport} a result that the server does not take is a failure that says why`, async (t) => {
    const nexus = await startTestNexus(t)
    const { device, errors } = await deviceOf(t, nexus, { transport })
    const results: Record<string, () => unknown> = {
      deep: () => JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`),
      halved: () => ({ text: '\ud800' }),
      wide: () => Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`k${n}`, n])),
      wordless: () => ({ message: 7 }),
    }
    for (const [name, resultOf] of Object.entries(results)) device.on(name, resultOf)
    await device.start()
    const issues: Record<string, string | undefined> = {}
    for (const name of Object.keys(results)) {
      const { status, error } = await ended(nexus, (await submit(nexus, name)).command_id)
      deepEqual([status, error?.code], ['failed', 'invalid_result'])
      issues[name] = error?.message
    }
    deepEqual(issues, {
      deep: 'body is nested deeper than 32 levels',
      halved: 'body holds text that is not well-formed Unicode',
      wide: 'body has more than 10000 keys',
      wordless: 'result.message must be text: it shows as the message of the result',
    })
    equal(errors.length, 4)
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
