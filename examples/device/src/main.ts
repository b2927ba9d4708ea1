import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createOutbox, type HostFrame, type HostSample, readHost } from '@nexus/example-host-metrics'
import { createClient } from '@nexus/sdk'
import { deviceKey } from './device-key.ts'
import { openFileJournal } from './file-journal.ts'
import { addHandlers } from './handlers.ts'
import { type DeviceExampleOptions, deviceOptionsFrom } from './options.ts'
import { Supervisor } from './supervisor.ts'

const stopMs = 5000

/** Runs the service, reports the host and executes commands until the signal aborts. */
async function run(options: DeviceExampleOptions, signal: AbortSignal): Promise<void> {
  const apiKey = await deviceKey(options)
  const client = createClient({ url: options.url, apiKey, retry: { maxDelayMs: 5000 } })
  const supervisor = new Supervisor({ command: options.command, onLine: (line) => console.log(`  ${line}`) })
  const journal = openFileJournal(join(options.folder, 'journal.ndjson'))
  const device = client.device(options.id, { journal, onError: ({ message }) => console.error(`device: ${message}`) })
  const outbox = createOutbox(createClient({ url: options.url, apiKey, retry: false, timeoutMs: 5000 }))
  let metrics: HostFrame['metrics'] = {}
  addHandlers(device, { service: options.service, supervisor, metrics: () => metrics })
  await supervisor.start().catch(({ message }: Error) => console.error(`${options.service}: ${message}`))
  await device.start()
  console.log(`${options.id} executes commands for ${options.service} (${supervisor.pid ?? 'not up'})`)
  try {
    for await (const frame of frames(options, signal)) {
      metrics = frame.metrics
      const { waiting } = await outbox.send(frame)
      if (waiting > 0) console.error(`server away, ${waiting} frames wait`)
    }
  } finally {
    await device.stop({ graceMs: stopMs })
    await supervisor.stop(stopMs)
    await journal.close()
  }
}

/** What the host measures, every interval; the service's name among the tags makes the device a target by service. */
async function* frames({ id, service, intervalMs }: DeviceExampleOptions, signal: AbortSignal) {
  let previous: HostSample | undefined
  while (!signal.aborted) {
    const { frame, sample } = await readHost(previous)
    previous = sample
    yield { ...frame, device_id: id, tags: { ...frame.tags, service } }
    await sleep(intervalMs, undefined, { signal }).catch(() => {})
  }
}

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
await run(deviceOptionsFrom(process.argv.slice(2), process.env), stop.signal).catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
