import type { ExecutionOrder } from '@nexus/contract'
import { deviceLimits } from '../contract-data.ts'
import type { Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import type { RetryPolicy } from '../retry.ts'
import type { SocketDeps } from '../socket.ts'
import { type Courier, patience, type ReportLink } from './courier.ts'
import { DeviceSession, type Hello } from './device-session.ts'

export interface ReceiverDeps {
  socket: SocketDeps
  invoke: Invoke
  policy: RetryPolicy
  courier: Pick<Courier, 'use'>
  http: ReportLink
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

/** How long a turn went well, and why it ended; without an error: it is time for another one. */
interface Turn {
  worked: boolean
  error?: NexusError
}

const pollSeconds = 30
/** After so long a device that polls sees whether a WebSocket can be opened again. */
const pollingMs = 60_000

/**
 * Receives for a device until the signal is aborted: over a WebSocket that is made again when it breaks, or by polls. Where no
 * WebSocket can be opened, the server is asked by polls meanwhile.
 */
export async function receive(deps: ReceiverDeps, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    const { worked, error } = await takeTurn(deps, signal)
    deps.courier.use(undefined)
    if (signal.aborted) return
    if (worked) failures = 0
    if (!error) continue
    deps.onError(error)
    // Whoever was replaced waits long, so that two don't drive out each other all the time. Cut short: the device stops.
    await deps.policy.sleep(patience(deps.policy, error, failures), signal).catch(() => {})
  }
}

async function takeTurn(deps: ReceiverDeps, signal: AbortSignal): Promise<Turn> {
  if (!deps.usesWebSocket) return poll(deps, signal, Number.POSITIVE_INFINITY)
  const turn = await connect(deps, signal)
  if (turn.worked || turn.error?.status === 401 || turn.error?.status === 403 || signal.aborted) return turn
  const polled = await poll(deps, signal, pollingMs)
  return polled.worked ? polled : turn
}

async function connect(deps: ReceiverDeps, signal: AbortSignal): Promise<Turn> {
  let worked = false
  let session: DeviceSession
  try {
    session = new DeviceSession(
      { ...deps.socket, http: deps.http },
      {
        ...deps,
        welcome() {
          worked = true
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

/** Polls for so long, or until a poll fails. */
async function poll(deps: ReceiverDeps, signal: AbortSignal, forMs: number): Promise<Turn> {
  const until = performance.now() + forMs
  let worked = false
  try {
    while (!signal.aborted && performance.now() < until) {
      // What makes room has to be said.
      if (!worked && !deps.hasRoom()) deps.courier.use(deps.http)
      while (!deps.hasRoom() && !signal.aborted) await deps.moved()
      // The first answers at once: whether polls work is then known.
      const orders = await lease(deps, signal, worked ? pollSeconds : 0)
      if (!worked) deps.courier.use(deps.http)
      worked = true
      for (const order of orders) deps.execute(order)
    }
    return { worked }
  } catch (error) {
    if (signal.aborted || !(error instanceof NexusError)) return { worked }
    return { worked, error }
  }
}

async function lease(
  { invoke, hello, maxConcurrency, socket }: ReceiverDeps,
  signal: AbortSignal,
  waitSeconds: number,
): Promise<ExecutionOrder[]> {
  const { device_id, have } = hello()
  const max = Math.min(deviceLimits.leaseMax, Math.max(1, maxConcurrency - have.length))
  const call = { signal, timeoutMs: waitSeconds * 1000 + socket.timeoutMs }
  const answer = await invoke('commands.lease', { device_id, max, wait_seconds: waitSeconds, have }, call)
  return answer?.executions ?? []
}
