/** Occurs once in every message and in nothing else that a server sends, so that counting it counts messages. */
export const mark = '|'.charCodeAt(0)

export interface Message {
  type: string
  id: string
  payload: object
}

/** One frame of each of `count` devices, without a time: Nexus gives it that of its arrival. */
export function framesOf(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    device_id: `bench|${String(index).padStart(4, '0')}`,
    metrics: { cpu_usage: 41.5, memory_usage: 63.2, temperature_c: 48.9, disk_usage: 70.4 },
  }))
}

/** The same as the other servers get them: what Nexus would send of them, as its events. */
export function messagesOf(count: number): Message[] {
  return framesOf(count).map((frame, index) => {
    const { device_id, metrics } = frame as Record<string, unknown>
    const payload = { device_id, timestamp: '2025-11-03T01:53:54.518Z', metrics }
    return { type: 'telemetry.frame', id: `evt-${1_000_000 + index}`, payload }
  })
}

/** As lines of JSON, the body that a publisher posts. */
export function linesOf(values: readonly object[]): Buffer {
  return Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''))
}

/** How often a byte occurs. */
export function countOf(byte: number, bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) count += 1
  return count
}
