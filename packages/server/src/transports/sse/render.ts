import { idOf, type LoggedEvent } from '../../events/index.ts'

const rendered = new WeakMap<LoggedEvent, Buffer>()

/** An event as a stream sends it (specification, "Event Format"); written once, however many receive it. */
export function renderEvent(event: LoggedEvent): Buffer {
  let bytes = rendered.get(event)
  if (!bytes) {
    bytes = Buffer.from(`event: ${event.type}\nid: ${idOf(event.seq)}\ndata: ${JSON.stringify(event.data)}\n\n`)
    rendered.set(event, bytes)
  }
  return bytes
}

/** What a stream says of itself; it has no id, so that it moves no cursor. */
export function renderNotice(type: string, data: object): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
}

/** What a stream says first: when to come again after it broke, and where it begins. */
export function renderBeginning(retryMs: number, cursor: number): Buffer {
  return Buffer.from(`retry: ${retryMs}\n: connected\n\n${renderCursor(cursor)}`)
}

/** A sign of life. */
export function renderBeat(position: number | undefined): Buffer {
  return Buffer.from(`:\n\n${renderCursor(position)}`)
}

/**
 * An id without data is no event, but moves the cursor of a browser: a reader for whom little comes need not come back with an
 * old one.
 */
function renderCursor(seq: number | undefined): string {
  return seq === undefined ? '' : `id: ${idOf(seq)}\n\n`
}
