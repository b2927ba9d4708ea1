import type { RunOrder } from '@nexus/contract'
import { workerLimits } from '../contract-data.ts'
import { patience } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import type { Pace } from '../pace.ts'
import { randomHex } from '../random-hex.ts'
import type { RetryPolicy } from '../retry.ts'
import { asError } from '../said.ts'

export interface LeasingDeps {
  invoke: Invoke
  policy: RetryPolicy
  pace: Pace
  timeoutMs: number
  workerId: string
  queues: readonly string[] | undefined
  names: readonly string[]
  /** How many more runs may come. */
  room(): number
  /** Resolves when that may have changed, or the worker stops. */
  moved(): Promise<void>
  take(order: RunOrder): void
  onError(error: Error): void
}

const waitSeconds = 30
const lastReleaseMs = 2000

/** Takes runs for a worker, with one long poll at a time, until the signal is aborted; what it was given unheard it gives back. */
export async function takeRuns(deps: LeasingDeps, signal: AbortSignal): Promise<void> {
  const { policy, onError } = deps
  const unheard: string[] = []
  for (let failures = 0; !signal.aborted; ) {
    while (deps.room() <= 0 && !signal.aborted) await deps.moved()
    if (signal.aborted) break
    let pollId: string | undefined
    try {
      await release(deps, unheard, signal)
      pollId = randomHex()
      const orders = await lease(deps, pollId, signal)
      pollId = undefined
      for (const order of orders) deps.take(order)
      failures = 0
    } catch (error) {
      const said = error instanceof NexusError ? error : undefined
      const isRefused = said !== undefined && said.status >= 400 && said.status < 500
      if (pollId !== undefined && !isRefused) unheard.push(pollId)
      if (signal.aborted) break
      onError(asError(error))
      // Rejects when the worker stops.
      const ms = said ? patience(policy, said, failures++) : policy.maxDelayMs
      await policy.sleep(ms, signal).catch(() => {})
    }
  }
  // Where the server is away leases run out by themselves.
  await release(deps, unheard, AbortSignal.timeout(lastReleaseMs)).catch(() => {})
}

/** Of polls that were not answered. Errors: `NexusError`; then they are to be given back still. */
async function release({ invoke, workerId, timeoutMs }: LeasingDeps, unheard: string[], signal: AbortSignal) {
  // Leases of older ones have run out.
  unheard.splice(0, unheard.length - workerLimits.pollsMax)
  const poll_ids = [...unheard]
  if (poll_ids.length === 0) return
  await invoke('workers.release', { worker_id: workerId, poll_ids }, { signal, timeoutMs })
  unheard.length = 0
}

async function lease(deps: LeasingDeps, pollId: string, signal: AbortSignal): Promise<RunOrder[]> {
  const { invoke, pace, queues, names, workerId, timeoutMs } = deps
  // It counts as a call, but is not one of those that are under way.
  await pace.enter()
  pace.leave()
  if (signal.aborted) return []
  const answer = await invoke(
    'workers.lease',
    {
      worker_id: workerId,
      names: [...names],
      ...(queues && { queues: [...queues] }),
      max: Math.min(deps.room(), workerLimits.leaseMax),
      wait_seconds: waitSeconds,
      poll_id: pollId,
    },
    { signal, timeoutMs },
  )
  return answer?.runs ?? []
}
