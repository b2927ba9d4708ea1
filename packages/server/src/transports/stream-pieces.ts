import { idOf, type LoggedEvent, type StreamItem } from '../events/index.ts'

/** How a transport writes what a stream brings. */
export interface StreamRendering {
  event(event: LoggedEvent): Buffer
  /** What the stream says of itself. */
  notice(type: 'stream.gap' | 'stream.overflow', data: object): Buffer
}

const pieceBytes = 64 * 1024

/** What a stream brings, as bytes to be written one after the other. */
export function streamPieces(item: StreamItem, { event, notice }: StreamRendering): Iterable<Buffer> {
  switch (item.kind) {
    case 'events':
      return joined(item.events, event)
    case 'gap':
      return [notice('stream.gap', { requested: idOf(item.requested), first_available: idOf(item.firstAvailable) })]
    case 'overflow':
      return [notice('stream.overflow', { reason: 'slow_reader' })]
    default:
      return item satisfies never
  }
}

/** Pieces of about 64 KiB: hundreds of small writes to a socket cost more than what is in them. */
function* joined(events: readonly LoggedEvent[], render: (event: LoggedEvent) => Buffer): Generator<Buffer> {
  let [piece, bytes]: [Buffer[], number] = [[], 0]
  for (const event of events) {
    const rendered = render(event)
    piece.push(rendered)
    bytes += rendered.length
    if (bytes < pieceBytes) continue
    yield Buffer.concat(piece)
    ;[piece, bytes] = [[], 0]
  }
  // One alone stays the bytes that all receive.
  if (piece.length > 0) yield piece.length === 1 ? piece[0]! : Buffer.concat(piece)
}
