import { once } from 'node:events'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchMemory } from '../harness/process-memory.ts'
import { deliver } from './fan-out.ts'
import type { Server } from './peers/peer.ts'
import { eachOf, openReaders, openSocket, openSubscription } from './readers.ts'

export const scenarios = ['idle-sockets', 'idle-subscribers', 'silent-readers', 'flood'] as const
export type Scenario = (typeof scenarios)[number]

export const scenarioTitles: Record<Scenario, string> = {
  'idle-sockets': 'connections that say nothing',
  'idle-subscribers': 'subscribers, each to a device of its own that says nothing',
  'silent-readers': 'ten subscribers to everything that never read',
  flood: 'one client that writes as fast as it can, and comes again when it is cut off',
}

/** What the readers of everything got before, and while others were in their way. */
export interface Hostile {
  calmPerSecond: number
  duringPerSecond: number
  /** Of the server: the most without them and with them, and what was in use once they had gone. */
  rssBytes: { without: number; with: number; after: number }
}

export interface HostileOptions {
  batch: number
  windowSeconds: number
  /** Connections that do nothing, where they are what is in the way. */
  idle: number
}

const readersCount = 100
const silentCount = 10

/** Every message still reaches every reader exactly once, or it throws. */
export async function measureHostile(server: Server, scenario: Scenario, options: HostileOptions): Promise<Hostile> {
  const { peer, port, headers } = server
  const { batch, windowSeconds } = options
  const everything = Array.from({ length: readersCount }, () => peer.subscription(headers))
  const readers = await openReaders(port, everything)
  try {
    await deliver(server, readers, batch, windowSeconds / 4)
    const calm = await watched(server, () => deliver(server, readers, batch, windowSeconds))
    const leave = await intruders[scenario](server, options)
    const during = await watched(server, () => deliver(server, readers, batch, windowSeconds))
    await leave()
    const after = await server.memory()
    return {
      calmPerSecond: calm.deliveriesPerSecond,
      duringPerSecond: during.deliveriesPerSecond,
      rssBytes: { without: calm.rssBytes, with: during.rssBytes, after: after.rss },
    }
  } finally {
    readers.close()
  }
}

async function watched<T>({ pid }: Server, run: () => Promise<T>): Promise<T & { rssBytes: number }> {
  const watch = watchMemory(pid)
  return { ...(await run()), rssBytes: watch.stop().rssBytes }
}

/** Those who are in the way; each gives what makes them go. */
const intruders: Record<Scenario, (server: Server, options: HostileOptions) => Promise<() => void | Promise<void>>> = {
  async 'idle-sockets'({ port }, { idle }) {
    const sockets: Socket[] = []
    await eachOf(idle, async (index) => {
      const socket = openSocket(port, index, () => {})
      await once(socket, 'connect')
      sockets.push(socket)
    })
    return () => sockets.forEach((socket) => void socket.destroy())
  },
  async 'idle-subscribers'({ peer, port, headers }, { idle }) {
    const others = Array.from({ length: idle }, (_, index) => peer.subscription(headers, `idle-${index}`))
    const readers = await openReaders(port, others)
    return () => readers.close()
  },
  async 'silent-readers'({ peer, port, headers }) {
    const sockets: Socket[] = []
    await eachOf(silentCount, async (index) => {
      const socket = await openSubscription(port, index, peer.subscription(headers), () => {})
      sockets.push(socket.pause())
    })
    return () => sockets.forEach((socket) => void socket.destroy())
  },
  async flood(server) {
    const gone = new AbortController()
    const flooding = flood(server, gone.signal)
    return () => {
      gone.abort()
      return flooding
    }
  },
}

async function flood({ peer, port, headers }: Server, gone: AbortSignal): Promise<void> {
  const bytes = Buffer.concat(Array.from({ length: 1000 }, () => peer.floodOf!(headers)))
  while (!gone.aborted) {
    try {
      const socket = await openSubscription(port, 0, peer.subscription(headers), () => {})
      await pipeline(endless(bytes), socket, { signal: gone })
    } catch {
      // Refused or cut off, as it should be; it isn't a busy loop that is meant to be in the way.
      await sleep(10)
    }
  }
}

function* endless(bytes: Buffer): Generator<Buffer> {
  for (;;) yield bytes
}
