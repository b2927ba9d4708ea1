import { createHash } from 'node:crypto'

const spreadBits = 48

/**
 * By how many milliseconds the run of a tick starts late, from 0 to `jitterSeconds`. The same task and tick give the same
 * on every node and after a restart; over tasks and over ticks it is spread evenly.
 */
export function jitterMs(taskId: string, scheduledFor: number, jitterSeconds: number): number {
  if (jitterSeconds === 0) return 0
  const digest = createHash('sha256').update(`${taskId}\n${scheduledFor}`).digest()
  const share = digest.readUIntBE(0, spreadBits / 8) / 2 ** spreadBits
  return Math.floor(share * (jitterSeconds * 1000 + 1))
}
