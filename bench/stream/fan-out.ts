import { type HttpConnection, openConnection } from '../harness/http-connection.ts'
import { processorSecondsOf } from '../harness/processor-time.ts'
import type { Server } from './peers/peer.ts'
import { openReaders, type Readers } from './readers.ts'

export interface FanOut {
  subscribers: number
  batch: number
  deliveriesPerSecond: number
  /**
   * Of the server's processor for each delivery, with all that it did beside: less at the mercy of who else uses the machine.
   */
  serverMicrosEach: number
  /** As they came from the socket, with what frames them. */
  bytesPerMessage: number
  /** How much of one core each side used. */
  serverCores: number
  loadCores: number
}

/** Opens subscribers to everything, warms up for a quarter of the window, and measures. */
export async function measureFanOut(
  server: Server,
  { subscribers, batch, windowSeconds }: { subscribers: number; batch: number; windowSeconds: number },
): Promise<FanOut> {
  const readers = await openReaders(
    server.port,
    Array.from({ length: subscribers }, () => server.peer.subscription(server.headers)),
  )
  try {
    await deliver(server, readers, batch, windowSeconds / 4)
    return await deliver(server, readers, batch, windowSeconds)
  } finally {
    readers.close()
  }
}

/**
 * Publishes batch after batch for a while, each once every reader has all of the one before: as fast as the server gets
 * rid of them, and never faster. A message too few or too many for any of the readers throws.
 */
export async function deliver(server: Server, readers: Readers, batch: number, seconds: number): Promise<FanOut> {
  const body = server.peer.publish.bodyOf(batch)
  const http = await openConnection(server.port)
  const before = { messages: readers.messages, bytes: readers.bytes }
  const processor = { server: processorSecondsOf(server.pid), load: process.cpuUsage() }
  const begun = performance.now()
  const elapsed = () => (performance.now() - begun) / 1000
  try {
    while (elapsed() < seconds) await Promise.all([publish(server, http, body), readers.untilEachHas(batch)])
    const took = elapsed()
    const { user, system } = process.cpuUsage(processor.load)
    const serverSeconds = processorSecondsOf(server.pid) - processor.server
    const messages = readers.messages - before.messages
    return {
      subscribers: readers.count,
      batch,
      deliveriesPerSecond: messages / took,
      serverMicrosEach: (serverSeconds / messages) * 1e6,
      bytesPerMessage: (readers.bytes - before.bytes) / messages,
      serverCores: serverSeconds / took,
      loadCores: (user + system) / 1e6 / took,
    }
  } finally {
    http.close()
  }
}

async function publish({ peer, headers }: Server, http: HttpConnection, body: Buffer): Promise<void> {
  const { path, type, status } = peer.publish
  const answer = await http.request('POST', path, { ...headers, 'content-type': type }, body)
  if (answer.status !== status) throw new Error(`${peer.name} answered ${answer.status}: ${answer.body}`)
}
