import { setTimeout as pause } from 'node:timers/promises'
import type { Tx } from '../core/context.ts'
import { Failure } from '../core/failure.ts'
import { newId } from '../core/ids.ts'
import { createLoop, failedRestMs, type Loop } from '../core/loop.ts'
import { hasEnded, type Report, type Work, type WorkItem } from '../work/index.ts'
import type { TaskStore } from './ports.ts'
import type { RunRecord } from './record.ts'
import type { RunWatch } from './run-watch.ts'
import { type BuiltIn, builtInQueue, builtIns } from './run-work.ts'

/** How an attempt of one of Nexus's own handlers ended. */
export type Outcome =
  | { result: unknown }
  | { error: { code: string; message: string }; retryable: boolean; retryAfterMs?: number; checkpoint?: unknown }

export interface ExecutorDeps {
  store: Pick<TaskStore, 'write' | 'givenRuns' | 'leftBehind'>
  work: Pick<Work, 'lease' | 'report' | 'find'>
  watch: RunWatch
  /** Does the work of a run; rejects when the signal is aborted. `stopping`: Nexus stops, and waits for nobody. */
  execute(run: RunRecord, signal: AbortSignal, stopping: AbortSignal): Promise<Outcome>
  /** Reports how it ended. */
  settle(tx: Tx, held: { run_id: string; lease_token: string }, outcome: Outcome): Promise<unknown>
  onError(cause: unknown): void
}

/** Tells that a slot may be free, to all who wait for that. */
class Room {
  #told = Promise.withResolvers<void>()

  next(): Promise<void> {
    return this.#told.promise
  }

  tell(): void {
    this.#told.resolve()
    this.#told = Promise.withResolvers()
  }
}

/** Why an attempt is cut off that nobody else takes over: it was cancelled, or its time is over. */
export class RunOver extends Error {
  override readonly name = 'RunOver'
}

/** How many attempts are under way at once. A command is but waited for. */
const slots: Record<BuiltIn, number> = { http: 64, telemetry_query: 16, command: 1000 }
const renewMs = 5000
const settleTriesMax = 5
const takenOverAtOnce = 100

interface UnderWay {
  item: WorkItem
  cut: AbortController
  done: Promise<void>
}

/** The worker inside of Nexus: it leases runs of its own handlers as any other worker does, a bounded number at once. */
export class Executor implements Loop {
  readonly #deps: ExecutorDeps
  readonly #workerId = newId('nexus')
  readonly #underWay = new Set<UnderWay>()
  readonly #stopping = new AbortController()
  readonly #renewals: Loop
  #running: Promise<unknown> = Promise.resolve()
  readonly #room = new Room()

  constructor(deps: ExecutorDeps) {
    this.#deps = deps
    this.#renewals = createLoop({ restMs: renewMs, run: () => this.#renew(), onError: deps.onError })
  }

  start(): void {
    this.#renewals.start()
    this.#running = this.#takeOver()
      .catch(this.#deps.onError)
      .then(() => Promise.all(builtIns.map((type) => this.#lease(type))))
  }

  /** Begins no more attempts; those under way have the grace to end, and are then left to whoever comes next. */
  async stop(graceMs = 0): Promise<void> {
    this.#stopping.abort()
    this.#room.tell()
    await this.#running
    const cutAll = () => {
      for (const { cut } of this.#underWay) cut.abort()
    }
    const grace = setTimeout(cutAll, graceMs)
    await Promise.all([...this.#underWay].map(({ done }) => done))
    clearTimeout(grace)
    await this.#renewals.stop()
  }

  /**
   * Runs that a process which was killed had in hand have no worker any more: they are done again, or end, before their leases
   * are over.
   */
  async #takeOver(): Promise<void> {
    const { store, work } = this.#deps
    const queues = builtIns.map(builtInQueue)
    for (let isMore = true; isMore && !this.#stopping.signal.aborted; ) {
      const left = await store.leftBehind(queues, takenOverAtOnce)
      const said = left.map(({ id, leaseToken }): Report => ({ id, leaseToken, kind: 'lost' }))
      const heard = left.length === 0 ? [] : await store.write((tx) => work.report(tx, said))
      // Those whose leases are over are the sweeper's.
      isMore = left.length === takenOverAtOnce && heard.some((one) => 'state' in one)
    }
  }

  async #lease(type: BuiltIn): Promise<void> {
    const { signal } = this.#stopping
    const queue = builtInQueue(type)
    const free = () => slots[type] - [...this.#underWay].filter(({ item }) => item.queue === queue).length
    while (!signal.aborted) {
      try {
        while (free() <= 0 && !signal.aborted) await this.#room.next()
        if (signal.aborted) return
        const queues = [{ kind: 'task' as const, queue }]
        for (const item of await this.#deps.work.lease({ queues, worker: this.#workerId, max: free() }, signal))
          this.#begin(item)
      } catch (cause) {
        this.#deps.onError(cause)
        await pause(failedRestMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  #begin(item: WorkItem): void {
    const cut = new AbortController()
    const done = this.#attempt(item, cut)
      .catch(this.#deps.onError)
      .finally(() => {
        this.#underWay.delete(underWay)
        this.#room.tell()
      })
    const underWay = { item, cut, done }
    this.#underWay.add(underWay)
  }

  async #attempt(item: WorkItem, cut: AbortController): Promise<void> {
    const { store, execute, settle } = this.#deps
    const [run] = await store.givenRuns([item.id])
    if (!run) return
    const stopWatching = this.#cutWhenCancelled(item, cut)
    try {
      const outcome = await this.#outcomeOf(execute(run, cut.signal, this.#stopping.signal), cut.signal)
      if (outcome === undefined) return await this.#leave(item)
      const held = { run_id: item.id, lease_token: item.leaseToken! }
      await this.#persistently(() => store.write((tx) => settle(tx, held, outcome)))
    } catch (cause) {
      // It is in other hands, or has ended.
      if (!(cause instanceof Failure && cause.details.reason === 'lease_lost')) throw cause
    } finally {
      stopWatching()
    }
  }

  /** What was done is not done again because the state was full for a moment. */
  async #persistently(act: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await act()
        return
      } catch (cause) {
        const isPassing = cause instanceof Failure && cause.code === 'SERVICE_UNAVAILABLE'
        if (!isPassing || tries === settleTriesMax) throw cause
        await pause(failedRestMs)
      }
    }
  }

  /**
   * A run that can be taken over is, as soon as somebody is there; of the others the lease has to run out, for they may have
   * been done.
   */
  async #leave({ id, leaseToken, queue, retry }: WorkItem): Promise<void> {
    const isSafe = queue !== builtInQueue('http')
    const said: Report = { id, leaseToken: leaseToken!, kind: 'lost' }
    if (isSafe && retry.on.includes('worker_lost'))
      await this.#deps.store.write((tx) => this.#deps.work.report(tx, [said]))
  }

  #cutWhenCancelled({ id, leaseToken }: WorkItem, cut: AbortController): () => void {
    const { watch, work } = this.#deps
    const watched = watch.open([id])
    void watched
      .next(cut.signal)
      .then((isNews) => (isNews ? work.find([id]) : undefined))
      .then((found) => {
        const [item] = found ?? []
        if (!found) return
        if (item && (hasEnded(item) || item.cancelRequestedAt !== null)) cut.abort(new RunOver())
        else if (item?.leaseToken !== leaseToken) cut.abort()
      })
      .catch(this.#deps.onError)
    return () => {
      watched.end()
      cut.abort()
    }
  }

  async #renew(): Promise<void> {
    const held = [...this.#underWay]
    if (held.length === 0) return
    const reports = held.map(({ item }) => ({ id: item.id, leaseToken: item.leaseToken!, kind: 'alive' as const }))
    const reported = await this.#deps.store.write((tx) => this.#deps.work.report(tx, reports))
    for (const [i, { cut }] of held.entries()) {
      const heard = reported[i]!
      if ('lost' in heard) cut.abort()
      else if (heard.cancelRequestedAt !== null) cut.abort(new RunOver())
    }
  }

  /** Undefined: Nexus stops, and leaves it to whoever comes next. */
  async #outcomeOf(executing: Promise<Outcome>, signal: AbortSignal): Promise<Outcome | undefined> {
    try {
      return await executing
    } catch (cause) {
      if (!signal.aborted) throw cause
      if (this.#stopping.signal.aborted) return undefined
      return { error: { code: 'cancelled', message: 'It was asked to stop' }, retryable: false }
    }
  }
}
