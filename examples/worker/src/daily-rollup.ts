import { join } from 'node:path'
import { type NexusClient, RunFailure, type WorkerRun } from '@nexus/sdk'
import { type CsvFile, csvField, openCsvFile } from './csv-file.ts'
import { dayBefore, isDay } from './options.ts'

export interface RollupParameters {
  /** As in `2026-11-23`; unless given, the day before the tick. */
  day?: string
}

/** How far a file is: the devices up to this one are in its first bytes. */
export interface RollupCheckpoint {
  bytes: number
  rows: number
  device_id: string
}

export interface RollupResult {
  day: string
  file: string
  devices: number
  rows: number
}

export type RollupRun = WorkerRun<RollupParameters, RollupCheckpoint>

const header = 'hour,device_id,metric,average'

/**
 * Writes the hourly averages of a day, by device and metric, to `<folder>/<day>.csv`. After each device it says how far it is,
 * so that the next attempt goes on from there.
 */
export async function dailyRollup(client: NexusClient, folder: string, run: RollupRun): Promise<RollupResult> {
  const day = run.parameters.day ?? dayBefore(new Date(run.scheduled_for ?? Date.now()))
  if (!isDay(day))
    throw new RunFailure('invalid_day', `parameters.day must be a day such as 2026-11-23, not ${day}`, {
      retryable: false,
    })
  const path = join(folder, `${day}.csv`)
  const { file, done } = await openedFile(path, run)
  try {
    const devices = await deviceIds(client, run.signal)
    let { rows } = done
    for (const [i, device] of devices.entries()) {
      if (device <= done.device_id) continue
      run.signal.throwIfAborted()
      const lines = await hourlyAverages(client, device, day, run.signal)
      rows += lines.length
      await run.saveCheckpoint({ bytes: await file.append(lines), rows, device_id: device })
      run.progress(((i + 1) / devices.length) * 100, device)
    }
    await file.finish()
    return { day, file: path, devices: devices.length, rows }
  } finally {
    await file.close()
  }
}

/** The file of the attempt before, where it is at hand; else a new one. */
async function openedFile(path: string, run: RollupRun): Promise<{ file: CsvFile; done: RollupCheckpoint }> {
  const before = run.checkpoint && (await openCsvFile(path, run.id, run.checkpoint.bytes))
  if (run.checkpoint && before) {
    run.log(`attempt ${run.attempt} goes on after ${run.checkpoint.device_id}`)
    return { file: before, done: run.checkpoint }
  }
  const file = (await openCsvFile(path, run.id, 0))!
  return { file, done: { bytes: await file.append([header]), rows: 0, device_id: '' } }
}

/** Of all devices, in one order for every attempt. */
async function deviceIds(client: NexusClient, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const page = await client.devices.list({ limit: 100, ...(cursor !== null && { cursor }) }, { signal })
    ids.push(...page.devices.map(({ device_id }) => device_id))
    cursor = page.next_cursor
  } while (cursor !== null)
  return ids.sort()
}

async function hourlyAverages(
  client: NexusClient,
  device_id: string,
  day: string,
  signal: AbortSignal,
): Promise<string[]> {
  const start_time = `${day}T00:00:00Z`
  const end_time = new Date(Date.parse(start_time) + 86_400_000).toISOString()
  const { data } = await client.telemetry.query(
    // A lone text would be read as a list, of which a comma is the separator.
    { device_id: [device_id], start_time, end_time, aggregation: 'avg', interval: '1h' },
    { signal },
  )
  return data.flatMap(({ timestamp, ...metrics }) =>
    Object.entries(metrics)
      .filter(([, value]) => typeof value === 'number')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([metric, value]) => [timestamp, device_id, metric, value as number].map(csvField).join()),
  )
}
