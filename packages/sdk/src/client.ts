import type { Channel, OperationId } from '@nexus/contract'
import { type AttemptDeps, attempt } from './attempt.ts'
import { type SubscribeInput, type SubscribeOptions, streamChannel } from './channel-stream.ts'
import { type Route, routes } from './contract-data.ts'
import type { DeviceOptions } from './device/command.ts'
import { Device } from './device/device.ts'
import { type StreamedEvent, type StreamInput, type StreamOptions, streamEvents } from './event-stream.ts'
import { Link } from './link.ts'
import { type CallOptions, type Invoke, type Namespaces, namespacesOver } from './namespaces.ts'
import { NexusError } from './nexus-error.ts'
import { randomHex } from './random-hex.ts'
import { type HttpCall, requestOf } from './request.ts'
import { type RetryPolicy, retryDefaults, retryDelayMs } from './retry.ts'
import type { ChannelMessage } from './subscriber.ts'
import type { WorkerOptions } from './worker/run.ts'
import { Worker } from './worker/worker.ts'

export interface ClientOptions {
  /** Where Nexus listens, as in `http://127.0.0.1:8420`; with or without the specification's `/v1`. */
  url: string
  apiKey: string
  /** Instead of the global one. */
  fetch?: typeof fetch
  /** Instead of the global one. */
  WebSocket?: typeof WebSocket
  /** Overrides single fields of the specification's strategy; `false` never repeats a call. */
  retry?: Partial<RetryPolicy> | false
  /** For each try; 30 seconds unless told. */
  timeoutMs?: number
}

/** Every operation as a method under its id, `invoke` for ids known only at run time, and what is followed live. */
export type NexusClient = Namespaces & {
  readonly invoke: Invoke
  readonly events: EventStream
  /** Follows a channel over a WebSocket that all subscriptions of the client share; see `streamChannel`. */
  subscribe(
    channel: Channel,
    input?: SubscribeInput,
    options?: SubscribeOptions,
  ): AsyncIterableIterator<ChannelMessage, undefined>
  /**
   * A device that executes commands, over a connection of its own; the key must be bound to it, or an admin's. See `Device`.
   */
  device(deviceId: string, options?: DeviceOptions): Device
  /** A worker that does the runs of tasks; the key must have `task:write`. See `Worker`. */
  worker(options?: WorkerOptions): Worker
}

export interface EventStream {
  /** Follows what happens; see `streamEvents`. */
  stream(input?: StreamInput, options?: StreamOptions): AsyncGenerator<StreamedEvent, never>
}

/**
 * Makes a client of one server. Calls that are safe to repeat (reads, PUT, DELETE, and POSTs that honour
 * `Idempotency-Key`, for which one is sent) are repeated after transient failures; others are tried once.
 * Errors: `NexusError`.
 */
export function createClient(options: ClientOptions): NexusClient {
  const policy = options.retry === false ? { ...retryDefaults, retries: 0 } : { ...retryDefaults, ...options.retry }
  const origin = options.url.replace(/\/+$/, '').replace(/\/v1$/, '')

  const invoke = async (id: OperationId, input: Record<string, unknown> = {}, call: CallOptions = {}) => {
    const route: Route = routes[id]
    const deps: AttemptDeps = {
      origin,
      apiKey: options.apiKey,
      fetch: options.fetch ?? fetch,
      timeoutMs: (call.timeoutMs ?? options.timeoutMs ?? 30_000) + waitMsOf(input),
      idempotencyKey: call.idempotencyKey ?? (route.idempotent ? randomHex() : undefined),
      signal: call.signal,
    }
    const request = requestOf(route, input)
    return isRepeatable(route, request) ? repeat(policy, deps, request) : attempt(deps, request)
  }

  const namespaces = namespacesOver(invoke as Invoke)
  const stream: EventStream['stream'] = (input, call) => {
    const { apiKey, fetch: given = fetch, timeoutMs = 30_000 } = options
    return streamEvents({ origin, apiKey, fetch: given, timeoutMs, policy }, input, call)
  }
  const { apiKey, timeoutMs = 30_000 } = options
  // Older Nodes have none; only who subscribes needs it.
  const socket = { origin, apiKey, WebSocket: options.WebSocket ?? globalThis.WebSocket, timeoutMs }
  const link = new Link({ ...socket, policy })
  return {
    ...namespaces,
    events: { ...namespaces.events, stream },
    subscribe: (channel, input, call) => streamChannel(link, channel, input, call),
    device: (id, given) => new Device({ socket, invoke: invoke as Invoke, policy }, id, given),
    worker: (given = {}) =>
      new Worker({ invoke: invoke as Invoke, policy, timeoutMs }, given.id ?? `worker-${randomHex()}`, given),
    invoke: invoke as Invoke,
  }
}

const waitSecondsDefault = 30

/** How long the server may take to answer because it was asked to wait. */
function waitMsOf({ wait_seconds: seconds, async: isAsync }: Record<string, unknown>): number {
  if (typeof seconds === 'number') return seconds * 1000
  return isAsync === false ? waitSecondsDefault * 1000 : 0
}

function isRepeatable(route: Route, request: HttpCall): boolean {
  return route.effect === 'read' || route.idempotent || ['GET', 'PUT', 'DELETE'].includes(request.method)
}

async function repeat(policy: RetryPolicy, deps: AttemptDeps, request: HttpCall): Promise<unknown> {
  for (let retry = 0; ; retry += 1) {
    try {
      return await attempt(deps, request)
    } catch (error) {
      const delayMs = error instanceof NexusError ? retryDelayMs(policy, error, retry) : undefined
      if (delayMs === undefined) throw error
      await policy.sleep(delayMs, deps.signal)
    }
  }
}
