import type { Input, RunOrder } from '@nexus/contract'
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
  /** What the worker knows to do. */
  names(): string[]
  /** How many more runs may come. */
  room(): number
  /** Resolves when that may have changed, or the worker stops. */
  moved(): Promise<void>
  /** It may have changed. */
  move(): void
  take(order: RunOrder): void
  /** The rate limit gives no runs for so long; what is left of it is for those in hand. */
  limited(ms: number): void
  onError(error: Error): void
}

/** Which runs are asked for with a report. */
export type Asked = NonNullable<Input<'workers.report'>['lease']>

const waitSeconds = 30
const lastReleaseMs = 2000
/** How long a server may ask to be left alone by a poll. */
const askedMsMax = 3_600_000

/**
 * Takes runs for a worker: with one long poll at a time, and with reports of what has ended, unless a poll is open for as many
 * places. What was given to an answer that never came it gives back.
 */
export class Leasing {
  readonly #deps: LeasingDeps
  readonly #stop = new AbortController()
  /** Polls whose answers never came. */
  readonly #unheard: string[] = []
  /** How many places the poll that is open is for. */
  #polled = 0
  /** Ends a rest that was not asked for. */
  #rest: AbortController | undefined
  /** Whether that was done since a poll was last answered. */
  #isWoken = false
  /** Asked for with the report that is under way. */
  #asked: Asked | undefined

  constructor(deps: LeasingDeps) {
    this.#deps = deps
  }

  /** Takes no more. */
  stop(): void {
    this.#stop.abort()
  }

  /**
   * What a report of so many ends asks for; undefined: nothing, for there is no room, or no more than for what a poll that is
   * open is to be answered with.
   */
  ask(ended: number): Asked | undefined {
    const max = Math.min(this.#room() - this.#polled + ended, workerLimits.leaseMax)
    if (this.#stop.signal.aborted || max <= this.#polled) return undefined
    this.#asked = { ...this.#wanted(), max, poll_id: randomHex() }
    return this.#asked
  }

  given(asked: Asked, orders: readonly RunOrder[]): void {
    this.#asked = undefined
    // Who stops has no use for them.
    if (!this.#stop.signal.aborted) for (const order of orders) this.#deps.take(order)
    else if (orders.length > 0) this.#unheard.push(asked.poll_id!)
    this.#deps.move()
  }

  unanswered(asked: Asked, error: unknown): void {
    this.#asked = undefined
    if (!isRefusal(error)) this.#unheard.push(asked.poll_id!)
    this.#deps.move()
  }

  /** The server has answered another call: if it was away, the next poll is made at once. */
  heard(): void {
    if (!this.#rest || this.#isWoken) return
    this.#isWoken = true
    this.#rest.abort()
  }

  /** Polls until it is stopped. */
  async run(): Promise<void> {
    const { onError, moved } = this.#deps
    const { signal } = this.#stop
    for (let failures = 0; !signal.aborted; ) {
      while (this.#room() <= 0 && this.#unheard.length === 0 && !signal.aborted) await moved()
      if (signal.aborted) break
      try {
        await this.#poll(signal)
        failures = 0
        this.#isWoken = false
      } catch (error) {
        if (signal.aborted) break
        onError(asError(error))
        await this.#restAfter(error, failures++, signal)
      }
    }
    if (this.#asked) this.#unheard.push(this.#asked.poll_id!)
    // Where the server is away leases run out by themselves.
    await this.#release(AbortSignal.timeout(lastReleaseMs)).catch(() => {})
  }

  async #restAfter(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const { policy, limited } = this.#deps
    const isLimited = error instanceof NexusError && error.status === 429
    const patient = isLimited ? { ...policy, maxDelayMs: askedMsMax } : policy
    const ms = error instanceof NexusError ? patience(patient, error, failures) : policy.maxDelayMs
    const rest = new AbortController()
    if (isLimited) limited(ms)
    else this.#rest = rest
    // Rejects when the worker stops, or the server is heard of.
    await policy.sleep(ms, AbortSignal.any([signal, rest.signal])).catch(() => {})
    this.#rest = undefined
  }

  #room(): number {
    return this.#deps.room() - (this.#asked?.max ?? 0)
  }

  /** What is free now is for the next poll. */
  #reserve(): void {
    this.#polled = Math.min(Math.max(this.#room(), 0), workerLimits.leaseMax)
  }

  #wanted(): Pick<Asked, 'names' | 'queues'> {
    const { names, queues } = this.#deps
    return { names: names(), ...(queues && { queues: [...queues] }) }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    let pollId: string | undefined
    try {
      await this.#release(signal)
      this.#reserve()
      if (this.#polled > 0) {
        pollId = randomHex()
        for (const order of await this.#lease(pollId, signal)) this.#deps.take(order)
      }
      // The next one follows at once where there is room.
      this.#reserve()
    } catch (error) {
      this.#polled = 0
      if (pollId !== undefined && !isRefusal(error)) this.#unheard.push(pollId)
      throw error
    }
  }

  /** Of polls that were not answered. Errors: `NexusError`; then they are to be given back still. */
  async #release(signal: AbortSignal): Promise<void> {
    const { invoke, workerId, timeoutMs } = this.#deps
    // Leases of older ones have run out.
    this.#unheard.splice(0, this.#unheard.length - workerLimits.pollsMax)
    const poll_ids = [...this.#unheard]
    if (poll_ids.length === 0) return
    await invoke('workers.release', { worker_id: workerId, poll_ids }, { signal, timeoutMs })
    this.#unheard.splice(0, poll_ids.length)
  }

  async #lease(pollId: string, signal: AbortSignal): Promise<RunOrder[]> {
    const { invoke, pace, workerId, timeoutMs } = this.#deps
    // It counts as a call, but is not one of those that are under way.
    await pace.enter()
    pace.leave()
    if (signal.aborted) return []
    const input = {
      ...{ worker_id: workerId, ...this.#wanted(), max: this.#polled },
      ...{ wait_seconds: waitSeconds, poll_id: pollId },
    }
    return (await invoke('workers.lease', input, { signal, timeoutMs }))?.runs ?? []
  }
}

/** Whether the server has said that it gave nothing. */
function isRefusal(error: unknown): boolean {
  return error instanceof NexusError && error.status >= 400 && error.status < 500
}
