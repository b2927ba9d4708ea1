import { idOf, type LoggedEvent, type StreamItem } from '../events/index.ts'

/** How a transport writes what a stream brings. */
export interface StreamRendering {
  events(events: readonly LoggedEvent[]): Iterable<Buffer>
  /** What the stream says of itself. */
  notice(type: 'stream.gap' | 'stream.overflow', data: object): Buffer
}

/** What a stream brings, as bytes to be written one after the other. */
export function streamPieces(item: StreamItem, { events, notice }: StreamRendering): Iterable<Buffer> {
  switch (item.kind) {
    case 'events':
      return events(item.events)
    case 'gap':
      return [notice('stream.gap', { requested: idOf(item.requested), first_available: idOf(item.firstAvailable) })]
    case 'overflow':
      return [notice('stream.overflow', { reason: 'slow_reader' })]
    default:
      return item satisfies never
  }
}
