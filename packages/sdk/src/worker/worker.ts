/// <reference lib="esnext.disposable" preserve="true" />
import type { RunOrder, RunStanding } from '@nexus/contract'
import { Change } from '../change.ts'
import { workerLimits } from '../contract-data.ts'
import { Courier } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { Pace } from '../pace.ts'
import type { RetryPolicy } from '../retry.ts'
import { type StopOptions, stopDefaults } from '../stop-options.ts'
import { Ends } from './ends.ts'
import { Heartbeats } from './heartbeats.ts'
import { HeldRun } from './held-run.ts'
import { Leasing } from './leasing.ts'
import { checkHandler, checkOptions } from './options.ts'
import type { RunHandler, WorkerOptions } from './run.ts'
import { RunFailure } from './run-failure.ts'
import { isEnd, type RunCourier, type RunLink, type RunReport, runLink } from './run-report.ts'

export interface WorkerDeps {
  invoke: Invoke
  policy: RetryPolicy
  timeoutMs: number
}

/** Reports at once, which browsers bound further. */
const reportsAtOnce = 32
/** What has to be said within a lease is said again sooner than other calls are. */
const patienceMs = 5000
/** Of what a key may call by default: the last quarter is not for taking runs, and heartbeats have their part. */
const callsPerSecondDefault = (workerLimits.callsPerMinute / 60) * 0.6

/**
 * A worker that does the runs of tasks: it leases them, keeps their leases while their handlers are at work, and reports how
 * they ended. Of a run no two attempts are at work in it at once.
 *
 *     new -> started -> stopping -> stopped
 */
export class Worker {
  readonly id: string
  readonly #options: Omit<WorkerOptions, 'id'>
  readonly #concurrency: number
  readonly #handlers = new Map<string, RunHandler>()
  readonly #runs = new Set<HeldRun>()
  readonly #moved = new Change()
  readonly #pace: Pace
  readonly #courier: RunCourier
  readonly #link: RunLink
  readonly #ends: Ends
  readonly #heartbeats: Heartbeats
  readonly #leasing: Leasing
  readonly #beating = new AbortController()
  #beaten: Promise<void> = Promise.resolve()
  #leased: Promise<void> = Promise.resolve()
  #state: 'new' | 'started' | 'stopping' | 'stopped' = 'new'
  #stopped: Promise<void> | undefined

  /** Errors: `TypeError` (an option that there is none of), `RangeError` (one out of its bounds). */
  constructor(deps: WorkerDeps, id: string, options: Omit<WorkerOptions, 'id'> = {}) {
    checkOptions(id, options)
    const { concurrency = 1, callsPerSecond = callsPerSecondDefault } = options
    this.id = id
    this.#options = options
    this.#concurrency = concurrency
    const { policy } = deps
    const invoke = (async (...call: Parameters<Invoke>) => {
      const answer = await deps.invoke(...call)
      this.#leasing.heard()
      return answer
    }) as Invoke
    const onError = (error: Error) => this.#tell(error)
    const hasty = { ...policy, maxDelayMs: Math.min(policy.maxDelayMs, patienceMs) }
    this.#pace = new Pace({ atOnce: reportsAtOnce, perSecond: callsPerSecond })
    const reporting = { pace: this.#pace, policy: hasty, onError }
    this.#courier = new Courier(reporting)
    this.#leasing = new Leasing({
      ...{ invoke: deps.invoke, policy: hasty, timeoutMs: deps.timeoutMs },
      pace: this.#pace,
      workerId: id,
      queues: options.queues,
      names: () => [...this.#handlers.keys()],
      room: () => this.#concurrency - this.#runs.size,
      moved: () => this.#moved.next,
      move: () => this.#move(),
      take: (order) => this.#take(order),
      limited: (ms) => {
        for (const run of this.#runs) run.rest(ms)
      },
      onError,
    })
    this.#link = runLink(invoke)
    this.#ends = new Ends({ ...reporting, invoke, timeoutMs: deps.timeoutMs, workerId: id, leasing: this.#leasing })
    this.#heartbeats = new Heartbeats({
      ...{ invoke, policy: hasty, workerId: id, onError },
      held: () => [...this.#runs].filter(({ needsHeartbeat }) => needsHeartbeat),
    })
  }

  /**
   * What it does for tasks whose handler has this name, which is that of the task unless it says otherwise. Errors:
   * `RangeError` (no name of a handler, or too many), `Error` (there is one of this name, or the worker has started).
   */
  handle<Parameters = Record<string, unknown>, Result = unknown, Checkpoint = unknown>(
    name: string,
    handler: RunHandler<Parameters, Result, Checkpoint>,
  ): this {
    if (this.#state !== 'new') throw new Error(`the worker is ${this.#state}: it is told what to do before it starts`)
    checkHandler(name, handler, this.#handlers)
    this.#handlers.set(name, handler as unknown as RunHandler)
    return this
  }

  /**
   * Begins to take runs, and goes on until it is stopped, however often the server is away. Errors: there is no handler; a
   * worker starts once.
   */
  start(): void {
    if (this.#state !== 'new') throw new Error(`the worker is ${this.#state}: it starts once`)
    if (this.#handlers.size === 0) throw new Error('the worker has no handler: give it one with handle()')
    this.#state = 'started'
    this.#courier.use(this.#link)
    this.#ends.open()
    this.#beaten = this.#heartbeats.run(this.#beating.signal)
    this.#leased = this.#leasing.run()
  }

  /**
   * Takes no more runs, waits until those under way have ended and the server knows how, and resolves. What is still under way
   * after `graceMs` is aborted; what hasn't ended `lastWordsMs` later fails with the code `worker_stopped`, and may be tried
   * again. Reports that could not be brought to the server are told through `onError`.
   */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop({ ...stopDefaults, ...options })
    return this.#stopped
  }

  /** Stops it; for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop({ graceMs, lastWordsMs }: Required<StopOptions>): Promise<void> {
    this.#state = 'stopping'
    this.#leasing.stop()
    this.#pace.open()
    this.#move()
    await this.#leased
    await this.#moved.until(() => !this.#isAtWork(), graceMs)
    for (const run of this.#runs) run.abort('worker_stopped', 'the worker stops')
    await this.#moved.until(() => !this.#isAtWork(), lastWordsMs)
    for (const run of this.#runs) run.giveUp()
    await this.#moved.until(() => this.#unsaid().length === 0, lastWordsMs)
    this.#state = 'stopped'
    this.#beating.abort()
    this.#courier.close()
    this.#ends.close()
    this.#move()
    await this.#beaten
    const unsaid = this.#unsaid()
    for (const run of unsaid) run.forget()
    if (unsaid.length === 0) return
    const ids = unsaid.map(({ id }) => id).join(', ')
    this.#tell(new RunFailure('unconfirmed', `how these ended is not known to the server: ${ids}`))
  }

  #take(order: RunOrder): void {
    const before = [...this.#runs].filter(({ id, isAtWork }) => id === order.run_id && isAtWork).map(({ done }) => done)
    const run = new HeldRun(
      {
        courier: { send: (next) => this.#send(next) },
        moved: () => this.#move(),
        onError: (error) => this.#tell(error),
      },
      order,
      this.#handlers.get(order.name)!,
      before.length > 0 ? Promise.all(before).then(() => {}) : undefined,
    )
    this.#runs.add(run)
  }

  /** Ends go together; what is said on the way goes by itself. */
  #send(next: () => RunReport | undefined): Promise<RunStanding | undefined> {
    if (!isEnd(next())) return this.#courier.send(next)
    return this.#ends.send(() => {
      const report = next()
      return isEnd(report) ? report : undefined
    })
  }

  #isAtWork(): boolean {
    return [...this.#runs].some(({ isAtWork }) => isAtWork)
  }

  #unsaid(): HeldRun[] {
    return [...this.#runs].filter(({ isUnsaid }) => isUnsaid)
  }

  #move(): void {
    for (const run of this.#runs) if (!run.isAtWork && !run.isUnsaid) this.#runs.delete(run)
    this.#heartbeats.look()
    this.#moved.tell()
  }

  #tell(error: Error): void {
    const { onError } = this.#options
    try {
      if (onError) onError(error)
      else console.error(`worker ${this.id}:`, error)
    } catch (thrown) {
      console.error(`worker ${this.id}: onError threw`, thrown)
    }
  }
}
