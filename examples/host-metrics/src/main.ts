import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@nexus/sdk'
import { optionsFrom } from './options.ts'
import { createOutbox } from './outbox.ts'
import { type HostFrame, type HostSample, readHost } from './read-host.ts'

/** Sends a frame every interval until the count is reached or the signal aborts. */
async function run(args: string[], signal: AbortSignal): Promise<void> {
  const options = optionsFrom(args, process.env)
  const client = createClient({ url: options.url, apiKey: options.apiKey, retry: false, timeoutMs: 5000 })
  const outbox = createOutbox(client)
  let previous: HostSample | undefined = (await readHost()).sample
  await pause(Math.min(options.intervalMs, 1000), signal)
  for (let count = 0; count < options.count && !signal.aborted; count += 1) {
    if (count > 0) await pause(options.intervalMs - (Date.now() - previous.atMs), signal)
    if (signal.aborted) break
    const { frame, sample } = await readHost(previous)
    previous = sample
    const { waiting, dropped } = await outbox.send(frame)
    console.log(lineOf(frame), waiting > 0 ? `server away, ${waiting} waiting, ${dropped} dropped` : 'sent')
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal }).catch(() => {})
}

function lineOf({ device_id, timestamp, metrics }: HostFrame): string {
  const { cpu_usage, memory_usage, disk_usage, load_1m } = metrics
  return `${timestamp} ${device_id} cpu ${cpu_usage}% memory ${memory_usage}% disk ${disk_usage}% load ${load_1m}`
}

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
await run(process.argv.slice(2), stop.signal).catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
