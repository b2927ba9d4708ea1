import type { ExecutionOrder } from '@nexus/contract'
import { deviceLimits } from '../contract-data.ts'
import { patience } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import type { RetryPolicy } from '../retry.ts'
import type { SocketDeps } from '../socket.ts'
import type { DeviceCourier, DeviceLink } from './device-report.ts'
import { DeviceSession, type Hello } from './device-session.ts'

export interface ReceiverDeps {
  socket: SocketDeps
  invoke: Invoke
  policy: RetryPolicy
  courier: Pick<DeviceCourier, 'use'>
  http: DeviceLink
  usesWebSocket: boolean
  maxConcurrency: number
  hello(): Hello
  execute(order: ExecutionOrder): void
  cancel(executionId: string): void
  /** Whether another execution may come, and the server knows that those before it are here: it would give them again. */
  hasRoom(): boolean
  /** Resolves when that may have changed, or the device stops. */
  moved(): Promise<void>
  onError(error: Error): void
}

/** How a connection went, and why it ended. */
interface Turn {
  worked: boolean
  error: NexusError
}

const pollSeconds = 30
/** Who is at work, or has something to say, tries again no later than this. */
const hastyMs = 5000
/** How long an attempt to open a WebSocket may take before the server is asked by polls meanwhile. */
const patienceMs = 2000

/**
 * Receives for a device until the signal is aborted: over a WebSocket that is made again when it breaks, with waits that grow.
 * As long as there is none, the server is asked by polls.
 */
export async function receive(deps: ReceiverDeps, signal: AbortSignal): Promise<void> {
  const polls = new Polls(deps, signal)
  if (deps.usesWebSocket) await keepConnected(deps, polls, signal)
  else polls.begin()
  await polls.ended
}

async function keepConnected(deps: ReceiverDeps, polls: Polls, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    const late = setTimeout(() => polls.begin(), patienceMs)
    const { worked, error } = await connect(deps, signal, () => {
      clearTimeout(late)
      polls.end()
    })
    clearTimeout(late)
    if (signal.aborted) return
    if (worked) failures = 0
    if (worked || failures === 0 || !polls.work) deps.onError(error)
    if (worked) deps.courier.use(undefined)
    // What it is at work on stays its own, and nobody else keeps the leases of that.
    if (error.details?.reason === 'device_replaced') deps.courier.use(deps.http)
    else if (error.status !== 401 && error.status !== 403) polls.begin()
    // Whoever was replaced waits long, so that two don't drive out each other all the time. Cut short: the device stops.
    const policy = error.details?.reason === 'device_replaced' ? deps.policy : policyOf(deps)
    await policy.sleep(patience(policy, error, failures), signal).catch(() => {})
  }
}

async function connect(deps: ReceiverDeps, signal: AbortSignal, opened: () => void): Promise<Turn> {
  let worked = false
  let session: DeviceSession
  try {
    session = new DeviceSession(
      { ...deps.socket, http: deps.http },
      {
        ...deps,
        welcome() {
          worked = true
          opened()
          deps.courier.use(session)
        },
      },
    )
  } catch (error) {
    return { worked, error: error as NexusError }
  }
  const close = () => session.close()
  signal.addEventListener('abort', close, { once: true })
  const error = await session.ended
  signal.removeEventListener('abort', close)
  return { worked, error }
}

/** What asks the server for work where there is no WebSocket. */
class Polls {
  readonly #deps: ReceiverDeps
  readonly #signal: AbortSignal
  /** Aborted when others take the place of these polls; undefined: none are wanted. */
  #wanted: AbortController | undefined
  #last: AbortController | undefined
  #polling: Promise<void> = Promise.resolve()
  /** Whether the server answers them. */
  work = false

  constructor(deps: ReceiverDeps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
  }

  /** Resolves when none is under way. */
  get ended(): Promise<void> {
    return this.#polling
  }

  begin(): void {
    if (this.#wanted || this.#signal.aborted) return
    // What was left waiting says nothing to others; whatever it would have brought is given again to the next.
    this.#last?.abort()
    this.#wanted = new AbortController()
    this.#last = this.#wanted
    this.#polling = this.#poll(this.#wanted)
  }

  /** No other follows; the one under way is let end, for it may bring something. */
  end(): void {
    this.#wanted = undefined
    this.work = false
  }

  async #poll(own: AbortController): Promise<void> {
    const { courier, http, policy, onError, usesWebSocket, execute } = this.#deps
    const signal = AbortSignal.any([this.#signal, own.signal])
    const isWanted = () => this.#wanted === own && !signal.aborted
    for (let failures = 0; isWanted(); ) {
      try {
        // What makes room has to be said.
        if (!this.work && !this.#deps.hasRoom()) courier.use(http)
        while (!this.#deps.hasRoom() && isWanted()) await this.#deps.moved()
        if (!isWanted()) return
        // The first answers at once: whether polls work is then known.
        const orders = await lease(this.#deps, signal, this.work ? pollSeconds : 0)
        if (isWanted() && !this.work) {
          courier.use(http)
          this.work = true
        }
        failures = 0
        for (const order of orders) execute(order)
      } catch (error) {
        if (!isWanted() || !(error instanceof NexusError)) return
        this.work = false
        courier.use(undefined)
        if (!usesWebSocket) onError(error)
        await policy.sleep(patience(policyOf(this.#deps), error, failures++), signal).catch(() => {})
      }
    }
  }
}

function policyOf({ policy, hello }: ReceiverDeps): RetryPolicy {
  return hello().have.length === 0 ? policy : { ...policy, maxDelayMs: Math.min(policy.maxDelayMs, hastyMs) }
}

async function lease(
  { invoke, hello, maxConcurrency, socket }: ReceiverDeps,
  signal: AbortSignal,
  waitSeconds: number,
): Promise<ExecutionOrder[]> {
  const { device_id, have } = hello()
  const max = Math.min(deviceLimits.leaseMax, Math.max(1, maxConcurrency - have.length))
  const call = { signal, timeoutMs: waitSeconds * 1000 + socket.timeoutMs }
  const answer = await invoke(
    'commands.lease',
    { device_id, max, wait_seconds: waitSeconds, have, acks_first: true },
    call,
  )
  return answer?.executions ?? []
}
