import type { RunOrder } from '@nexus/contract'
import { workerLimits } from '../contract-data.ts'
import { patience } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import type { Pace } from '../pace.ts'
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

/** Takes runs for a worker, with one long poll at a time, until the signal is aborted. */
export async function takeRuns(deps: LeasingDeps, signal: AbortSignal): Promise<void> {
  const { policy, onError } = deps
  for (let failures = 0; !signal.aborted; ) {
    while (deps.room() <= 0 && !signal.aborted) await deps.moved()
    if (signal.aborted) return
    try {
      for (const order of await lease(deps, signal)) deps.take(order)
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      const said = error instanceof NexusError ? error : undefined
      onError(asError(error))
      // Rejects when the worker stops.
      const ms = said ? patience(policy, said, failures++) : policy.maxDelayMs
      await policy.sleep(ms, signal).catch(() => {})
    }
  }
}

async function lease(deps: LeasingDeps, signal: AbortSignal): Promise<RunOrder[]> {
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
    },
    { signal, timeoutMs },
  )
  return answer?.runs ?? []
}
