import { type NexusClient, NexusError } from '@nexus/sdk'
import type { HostFrame } from './read-host.ts'

export interface Outbox {
  /** Sends the frame, and first what waits from before. Throws only what waiting can't mend, such as a refused key. */
  send(frame: HostFrame): Promise<{ sent: number; waiting: number; dropped: number }>
}

/** Keeps frames while the server is away: at most `framesMax`, the oldest are dropped first. */
export function createOutbox(client: NexusClient, framesMax = 1000): Outbox {
  let waiting: HostFrame[] = []
  let dropped = 0

  const send = async (frame: HostFrame) => {
    waiting.push(frame)
    dropped += Math.max(0, waiting.length - framesMax)
    waiting = waiting.slice(-framesMax)
    const going = waiting
    try {
      if (going.length === 1) await client.telemetry.frames.send(frame)
      else await client.telemetry.frames.batch({ frames: going })
    } catch (error) {
      if (!isPassing(error)) throw error
      return { sent: 0, waiting: waiting.length, dropped }
    }
    waiting = []
    return { sent: going.length, waiting: 0, dropped }
  }

  return { send }
}

function isPassing(error: unknown): boolean {
  return error instanceof NexusError && (error.status === 0 || error.status === 429 || error.status >= 500)
}
