import type { EventData, EventType } from '@nexus/contract'
import { type AttemptDeps, noAnswer } from './attempt.ts'
import { eventStreamPath } from './contract-data.ts'
import { errorOf, NexusError } from './nexus-error.ts'
import { type RetryPolicy, retryDelayMs } from './retry.ts'
import { type SseMessage, sseMessages } from './sse.ts'

/** What to follow; see the operation's parameters. */
export interface StreamInput {
  /** A comma list such as `telemetry.frame,task.*`; unless given, all that the key may see. */
  event_types?: string
  filters?: Record<string, unknown>
  /** The id of the last event that was seen, or `earliest`; unless given, from now on. */
  last_event_id?: string
  /** Instead of an id: ISO 8601. */
  since?: string
}

export interface StreamOptions {
  /** Ends the stream; reading it then throws the signal's reason. */
  signal?: AbortSignal
}

export type StreamedEvent =
  | { [T in EventType]: { type: T; id: string; data: EventData<T> } }[EventType]
  /** What came after the id is partly gone; the stream goes on. */
  | { type: 'stream.gap'; id: undefined; data: { requested: string; first_available: string } }

export interface StreamDeps extends Pick<AttemptDeps, 'origin' | 'apiKey' | 'fetch' | 'timeoutMs'> {
  policy: RetryPolicy
}

/**
 * Events as they happen. A connection that breaks, or that the server ends, is made again and goes on where it was, each
 * event once; the waits in between grow as the retry policy says, and there are as many tries as it takes. Ends when the
 * reader leaves it; `return` also ends a `next` that waits. Errors: `NexusError` for what no repetition mends, such as a key
 * that was revoked.
 */
export function streamEvents(
  deps: StreamDeps,
  input: StreamInput = {},
  { signal }: StreamOptions = {},
): AsyncGenerator<StreamedEvent, never> {
  const leaving = new AbortController()
  const events = connections(deps, input, signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal)
  const next = events.next.bind(events)
  const leave = events.return.bind(events)
  return Object.assign(events, {
    next: () =>
      next().catch((error) => {
        if (!leaving.signal.aborted) throw error
        return next()
      }),
    return(value: never) {
      leaving.abort()
      return leave(value)
    },
  })
}

async function* connections(
  deps: StreamDeps,
  input: StreamInput,
  signal: AbortSignal,
): AsyncGenerator<StreamedEvent, never> {
  let last = input.last_event_id
  let failures = 0
  for (;;) {
    const connection = new AbortController()
    const abort = () => connection.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      signal.throwIfAborted()
      const body = await open(deps, pathOf(input, last), connection)
      let heard = false
      for await (const message of sseMessages(body)) {
        heard = true
        failures = 0
        last = message.id ?? last
        const event = eventOf(message)
        if (event) yield event
      }
      if (!heard) throw new Error('the stream ended before it began')
    } catch (cause) {
      signal.throwIfAborted()
      const error = cause instanceof NexusError ? cause : noAnswer(cause, false, deps)
      const delayMs = retryDelayMs({ ...deps.policy, retries: Number.POSITIVE_INFINITY }, error, failures)
      if (delayMs === undefined) throw error
      failures++
      await deps.policy.sleep(delayMs, signal)
    } finally {
      signal.removeEventListener('abort', abort)
      connection.abort()
    }
  }
}

/** What the server says of the stream comes through only where something is lost by it. */
function eventOf({ event, id, data }: SseMessage): StreamedEvent | undefined {
  if (data === undefined || (event.startsWith('stream.') && event !== 'stream.gap')) return undefined
  return { type: event, id, data: JSON.parse(data) } as StreamedEvent
}

async function open(deps: StreamDeps, path: string, connection: AbortController): Promise<ReadableStream<Uint8Array>> {
  const { fetch } = deps
  // The stream itself has no end: only its beginning is waited for.
  const timer = setTimeout(() => connection.abort(new Error(`no answer within ${deps.timeoutMs} ms`)), deps.timeoutMs)
  try {
    const response = await fetch(`${deps.origin}${path}`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${deps.apiKey}` },
      signal: connection.signal,
    })
    if (!response.ok) throw errorOf(response, await response.text())
    return response.body!
  } finally {
    clearTimeout(timer)
  }
}

function pathOf({ filters, last_event_id: _, since, ...input }: StreamInput, last: string | undefined): string {
  const query = {
    ...input,
    ...(filters && { filters: JSON.stringify(filters) }),
    ...(last !== undefined ? { last_event_id: last } : since !== undefined && { since }),
  }
  return `${eventStreamPath}?${new URLSearchParams(query)}`
}
