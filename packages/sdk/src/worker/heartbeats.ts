import { Change } from '../change.ts'
import { patience } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import type { NexusError } from '../nexus-error.ts'
import type { RetryPolicy } from '../retry.ts'
import type { HeldRun } from './held-run.ts'

export interface HeartbeatDeps {
  invoke: Invoke
  policy: RetryPolicy
  workerId: string
  /** Those whose leases are to be renewed. */
  held(): HeldRun[]
  onError(error: Error): void
}

/** The server renews at its beginning and at its end; it ends early when a run is cancelled or lost. */
const waitSeconds = 10
/** How long an answer may take beyond that: two that fail leave time for a third before a lease is over. */
const answerMs = 5000
/** So that runs which end one after another don't make a heartbeat each. */
const restMs = 100

/** Renews the leases of all runs of a worker with one call at a time, and hears what becomes of them. */
export class Heartbeats {
  readonly #deps: HeartbeatDeps
  readonly #change = new Change()
  #asked: ReadonlySet<HeldRun> = new Set()
  #cut: AbortController | undefined

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps
  }

  /** What is held may have changed: a call that doesn't know of a run gives way to one that does. */
  look(): void {
    if (this.#cut && this.#deps.held().some((run) => !this.#asked.has(run))) this.#cut.abort()
    this.#change.tell()
  }

  /** Goes on until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { policy, held, onError } = this.#deps
    for (let failures = 0; !signal.aborted; ) {
      const runs = held()
      if (runs.length === 0) {
        await this.#change.next
        continue
      }
      try {
        // Whoever has not been answered asks for an answer at once.
        await this.#beat(runs, failures === 0 ? waitSeconds : 0, signal)
        failures = 0
        await policy.sleep(restMs, signal).catch(() => {})
      } catch (error) {
        if (signal.aborted) return
        onError(error as Error)
        await policy.sleep(patience(policy, error as NexusError, failures++), signal).catch(() => {})
      }
    }
  }

  /** Errors: `NexusError`. */
  async #beat(runs: HeldRun[], wait_seconds: number, signal: AbortSignal): Promise<void> {
    const { invoke, workerId: worker_id } = this.#deps
    const cut = new AbortController()
    this.#cut = cut
    this.#asked = new Set(runs)
    try {
      const { runs: standings } = await invoke(
        'workers.heartbeat',
        {
          worker_id,
          runs: runs.map(({ id: run_id, leaseToken: lease_token }) => ({ run_id, lease_token })),
          wait_seconds,
        },
        { signal: AbortSignal.any([cut.signal, signal]), timeoutMs: answerMs },
      )
      // Two attempts of a run may be here, the one lost and the other waiting for its handler to end: each has its own.
      const known = Map.groupBy(standings, ({ run_id }) => run_id)
      for (const run of runs) {
        const standing = known.get(run.id)?.shift()
        if (!standing || standing.lost) run.lost()
        else run.heard(standing)
      }
    } catch (error) {
      if (!cut.signal.aborted) throw error
    } finally {
      this.#cut = undefined
    }
  }
}
