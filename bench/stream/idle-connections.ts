import type { Server } from './peers/peer.ts'
import { openReaders } from './readers.ts'

export interface Idle {
  connections: number
  rssBytesEach: number
  heapBytesEach: number
}

/** `connected` has asked for nothing; `subscribed` to one device that says nothing. */
export const idleKinds = ['connected', 'subscribed'] as const
export type IdleKind = (typeof idleKinds)[number]

/** What an idle connection takes: what memory grew by as nine tenths of them came. */
export async function measureIdle(server: Server, connections: number, kind: IdleKind): Promise<Idle> {
  const subscriptions = Array.from({ length: connections }, (_, index) => {
    const whole = server.peer.subscription(server.headers, `idle-${index}`)
    return kind === 'subscribed' ? whole : { steps: whole.steps.slice(0, 1), keepAlive: undefined }
  })
  // What the first tenth brings with it, such as compiled code, is no connection's.
  const tenth = Math.ceil(connections / 10)
  const first = await openReaders(server.port, subscriptions.slice(0, tenth))
  const before = await server.memory()
  const rest = await openReaders(server.port, subscriptions.slice(tenth))
  const after = await server.memory()
  first.close()
  rest.close()
  return {
    connections,
    rssBytesEach: (after.rss - before.rss) / rest.count,
    heapBytesEach: (after.heapUsed - before.heapUsed) / rest.count,
  }
}
