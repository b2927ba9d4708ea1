import { createFrameWriter } from '../storage/telemetry/frame-writer.ts'
import type { DrainBatch } from '../telemetry/ports.ts'

export interface Reading {
  device: string
  metric: string
  /** Microseconds since the epoch. */
  at: number
  value: number
}

/** What a drain would move for these readings, a frame each. */
export function drainBatchOf(readings: readonly Reading[]): DrainBatch {
  const frames = readings.map(({ device, metric, at, value }) => {
    const points = [{ metric, kind: 'number', num: value, str: '' } as const]
    return { deviceId: device, at, points, tags: undefined, metadata: undefined, frameId: undefined }
  })
  const { block } = createFrameWriter().write([frames])
  const batch = { token: 'one', begun: false, version: 1, last: 1, frames: frames.length, hours: [] }
  return { ...batch, blocks: [block], tagSets: [], metadataSets: [] }
}
