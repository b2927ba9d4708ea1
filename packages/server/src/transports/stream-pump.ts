import { idOf, type LoggedEvent, type StreamItem, type StreamReader, type Subscription } from '../events/index.ts'

/** Where a stream goes: how a transport writes what it brings, and how much room there is. */
export interface StreamTarget extends StreamReader {
  events(events: readonly LoggedEvent[]): Iterable<Buffer>
  /** What the stream says of itself. */
  notice(type: 'stream.gap' | 'stream.overflow', data: object): Buffer
  write(piece: Buffer): void
  /** What is written next should wait until `drained`. */
  readonly isFull: boolean
  /** Resolves when there is room, or nobody reads any more. */
  drained(): Promise<void>
  /** The stream is over by itself: it overflowed, or something failed that should not have. */
  ended(cause?: unknown): void
}

/**
 * Writes what waits in a stream, as much as there is room for, and asks for more: `target.ready` is to call it. What is
 * left waits in the subscription, which has a bound of its own. `left`: of what was taken before.
 */
export function pump(stream: Subscription, target: StreamTarget, left?: Iterator<Buffer>): void {
  if (stream.isOver) return
  try {
    let pieces = left
    while (!target.isFull) {
      pieces ??= piecesOf(stream.take(), target)[Symbol.iterator]()
      const { done, value } = pieces.next()
      if (done) {
        if (stream.isOver) target.ended()
        else stream.whenReady(target)
        return
      }
      target.write(value)
    }
    void target.drained().then(() => pump(stream, target, pieces))
  } catch (cause) {
    stream.end()
    target.ended(cause)
  }
}

function piecesOf(item: StreamItem | undefined, target: StreamTarget): Iterable<Buffer> {
  switch (item?.kind) {
    case undefined:
      return []
    case 'events':
      return target.events(item.events)
    case 'gap': {
      const { requested, firstAvailable } = item
      return [target.notice('stream.gap', { requested: idOf(requested), first_available: idOf(firstAvailable) })]
    }
    case 'overflow':
      return [target.notice('stream.overflow', { reason: 'slow_reader' })]
    default:
      return item satisfies undefined
  }
}
