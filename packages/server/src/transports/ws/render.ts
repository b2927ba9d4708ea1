import { toIso } from '../../core/clock.ts'
import { idOf, type LoggedEvent } from '../../events/index.ts'
import { textFrame } from './frame.ts'
import { notice, type OutgoingMessage } from './outgoing.ts'

interface Rendered {
  /** Everything up to the name of the subscription. */
  text: string
  frames: Map<string, Buffer>
}

const rendered = new WeakMap<LoggedEvent, Rendered>()

/**
 * An event as a frame (specification, "Server → Client Messages"). Written once for all that receive it: connections name
 * their subscriptions alike, so that the first of each is sent the same bytes.
 */
export function eventFrame(event: LoggedEvent, subscriptionId: string): Buffer {
  let found = rendered.get(event)
  if (!found) {
    found = { text: textOf(event), frames: new Map() }
    rendered.set(event, found)
  }
  let frame = found.frames.get(subscriptionId)
  if (!frame) {
    frame = textFrame(`${found.text}"subscription_id":"${subscriptionId}"}`)
    found.frames.set(subscriptionId, frame)
  }
  return frame
}

function textOf({ type, seq, at, data }: LoggedEvent): string {
  const id = idOf(seq)
  return `{"type":"${type}","id":"${id}","timestamp":"${toIso(at)}","payload":${JSON.stringify(data)},"cursor":"${id}",`
}

/** What the server says by itself, as a frame. */
export function noticeFrame(message: OutgoingMessage, now: number): Buffer {
  return textFrame(JSON.stringify(notice(message, now)))
}
