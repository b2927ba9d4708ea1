import type { RunOrder, RunProgress, RunStanding } from '@nexus/contract'
import { workerLimits } from '../contract-data.ts'
import { NexusError } from '../nexus-error.ts'
import { asError, codeAmong, isOwnReason, LogLines, progressOf, refusedResult } from '../said.ts'
import { Talk } from '../talk.ts'
import { Checkpoints } from './checkpoints.ts'
import type { RunHandler, WorkerRun } from './run.ts'
import { RunFailure } from './run-failure.ts'
import { failureOf, LinesRefused, outcomeWith, type RunCourier, type RunOutcome, type RunReport } from './run-report.ts'

export interface HeldRunDeps {
  courier: Pick<RunCourier, 'send'>
  /** It needs to be watched, or no more; its handler has ended; nothing more is to be said of it. */
  moved(): void
  onError(error: Error): void
}

/** What is said on the way is said no more often; checkpoints, for which handlers wait, at once. */
const chatterMs = 200
/** One that ends sooner is not worth a heartbeat. */
const unwatchedMs = 250
/** The clock of the server may tell of a deadline before the one here does. */
const earlyMs = 1000
/** Less than a lease lasts: answers take time to come, and handlers to end. */
const leaseMs = (workerLimits.leaseSeconds - 3) * 1000

/**
 * One attempt in the hands of this worker:
 *
 *     held -> ended -> over
 *
 * Its handler is at work, or waits until that of an attempt before has ended, while it is held; it is over once the server
 * knows how it ended, or wants to hear no more. What there is to say is said in this order: lines, progress and checkpoint, the
 * end; one at a time. A lease that is lost while its handler is at work ends it: nothing more is said.
 */
export class HeldRun {
  readonly #deps: HeldRunDeps
  readonly #order: RunOrder
  readonly #handler: RunHandler
  #state: 'held' | 'ended' | 'over' = 'held'
  #outcome: RunOutcome | undefined
  #isAtWork = true
  #isWatched = false
  #isCancelled = false
  /** The server has said so; what is said of its end decides. */
  #isGone = false
  /** Its handler has ended, or never ran. */
  readonly done: Promise<void>
  readonly #controller = new AbortController()
  readonly #lines = new LogLines()
  readonly #checkpoints = new Checkpoints()
  #progress: RunProgress | undefined
  #isResting = false
  #restsUntil = 0
  readonly #talk: Talk<RunReport, RunStanding>
  #lease: ReturnType<typeof setTimeout> | undefined
  readonly #watching: ReturnType<typeof setTimeout>
  readonly #lateAt: number
  #deadline: ReturnType<typeof setTimeout> | undefined
  #chatter: ReturnType<typeof setTimeout> | undefined

  /** `before`: resolves once no handler of this run is at work in this process. */
  constructor(deps: HeldRunDeps, order: RunOrder, handler: RunHandler, before: Promise<void> | undefined) {
    this.#deps = deps
    this.#order = order
    this.#handler = handler
    this.#talk = new Talk({
      courier: deps.courier,
      next: () => this.#next(),
      confirmed: (report, standing) => this.#confirmed(report, standing),
      refused: (report, error) => this.#refused(report, error),
    })
    this.#watching = setTimeout(() => this.#watch(), unwatchedMs)
    const { time_left_ms: ms } = order
    if (ms !== null) this.#deadline = setTimeout(() => this.#exceed(), ms)
    this.#lateAt = ms === null ? Number.POSITIVE_INFINITY : performance.now() + ms - earlyMs
    this.#keepLease()
    this.done = this.#work(before)
  }

  get id(): string {
    return this.#order.run_id
  }

  get leaseToken(): string {
    return this.#order.lease_token
  }

  /** Whether its lease is to be renewed, and a cancel looked for; who was told of one has ten seconds, less than a lease. */
  get needsHeartbeat(): boolean {
    return this.#isWatched && this.#state !== 'over' && !this.#isCancelled && !this.#isGone
  }

  get isAtWork(): boolean {
    return this.#isAtWork
  }

  /** Whether there is something that the server has yet to hear, or will be. */
  get isUnsaid(): boolean {
    return this.#state !== 'over'
  }

  /** What the server says of it when its lease is renewed. */
  heard({ cancel_requested }: Pick<RunStanding, 'cancel_requested'>): void {
    if (this.#state === 'over') return
    this.#keepLease()
    if (!cancel_requested || this.#isCancelled) return
    this.#isCancelled = true
    this.abort('cancelled', 'the run was cancelled')
    this.#deps.moved()
  }

  /** Somebody else has it, or it has ended. How it ended here may be what ended it there: that report is answered. */
  lost(): void {
    this.#isGone = true
    if (this.#state === 'held') this.#lose('its lease is over')
  }

  /** Says nothing on the way for so long, but for checkpoints. */
  rest(ms: number): void {
    const until = performance.now() + ms
    if (this.#state !== 'held' || (this.#isResting && until < this.#restsUntil)) return
    this.#isResting = true
    this.#restsUntil = until
    clearTimeout(this.#chatter)
    this.#chatter = setTimeout(() => {
      this.#isResting = false
      void this.#talk.go()
    }, ms)
  }

  abort(code: string, message: string): void {
    this.#controller.abort(new RunFailure(code, message))
  }

  /** Doesn't wait for the handler any longer. */
  giveUp(): void {
    if (this.#state === 'held')
      this.#end(failureOf(new RunFailure('worker_stopped', 'the worker stopped before it ended')))
  }

  /** The server hears no more of it. */
  forget(): void {
    this.#over(new RunFailure('worker_stopped', 'the worker has stopped'))
  }

  async #work(before: Promise<void> | undefined): Promise<void> {
    await before
    if (this.#state === 'held') this.#conclude(await this.#handled())
    this.#isAtWork = false
    this.#deps.moved()
  }

  /** How its handler ended; undefined: the server knows how, or is told by nobody. */
  async #handled(): Promise<RunOutcome | undefined> {
    const { signal } = this.#controller
    try {
      signal.throwIfAborted()
      const outcome = outcomeWith(await this.#handler(this.#run()))
      return this.#isCancelled ? failureOf(signal.reason) : outcome
    } catch (thrown) {
      if (isOwnReason(thrown, signal)) {
        const isKnown = !this.#isCancelled && codeAmong(signal.reason) === 'deadline_exceeded'
        return isKnown ? undefined : failureOf(signal.reason)
      }
      if (codeAmong(thrown) === undefined) this.#deps.onError(asError(thrown))
      return failureOf(thrown)
    }
  }

  #conclude(outcome: RunOutcome | undefined): void {
    if (this.#state !== 'held') return
    if (outcome) this.#end(outcome)
    else this.#over(this.#controller.signal.reason)
  }

  #next(): RunReport | undefined {
    if (this.#state === 'over') return undefined
    const held = { run_id: this.id, lease_token: this.leaseToken }
    const mayChat = this.#outcome !== undefined || !this.#isResting
    if (mayChat && !this.#lines.isEmpty) return { id: 'runs.logs.add', input: { ...held, lines: this.#lines.next() } }
    if (this.#checkpoints.isDue || (mayChat && this.#progress)) {
      const progress = this.#progress && { progress: this.#progress }
      return { id: 'runs.heartbeat', input: { ...held, ...progress, ...this.#checkpoints.next() } }
    }
    if (!this.#outcome) return undefined
    if ('error' in this.#outcome) return { id: 'runs.fail', input: { ...held, error: this.#outcome.error } }
    return { id: 'runs.complete', input: { ...held, ...this.#outcome } }
  }

  #confirmed({ id, input }: RunReport, standing: RunStanding): void {
    if (this.#state === 'over') return
    if (id === 'runs.complete' || id === 'runs.fail') {
      this.#over(undefined)
      return
    }
    if (id === 'runs.logs.add') this.#lines.confirmed()
    if (id === 'runs.heartbeat') {
      if (input.progress === this.#progress) this.#progress = undefined
      if (input.checkpoint !== undefined) this.#checkpoints.kept()
    }
    if (this.#state === 'held') this.rest(chatterMs)
    this.heard(standing)
  }

  #refused({ id, input }: RunReport, error: Error): void {
    if (this.#state === 'over') return
    const isLost = error instanceof NexusError && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND')
    if (isLost) {
      this.#lose('its lease is over')
      return
    }
    if (error instanceof LinesRefused && this.#state === 'held') {
      this.rest(error.waitMs)
      return
    }
    this.#deps.onError(error)
    if (id === 'runs.logs.add') this.#lines.confirmed()
    else if (id === 'runs.heartbeat') {
      if (input.progress === this.#progress) this.#progress = undefined
      this.#checkpoints.refused(error)
    } else if (id === 'runs.complete') this.#outcome = { error: { ...refusedResult(error), retryable: false } }
    else this.#over(undefined)
  }

  #lose(why: string): void {
    const { signal } = this.#controller
    // Then the server has ended it by itself.
    const isLate = performance.now() > this.#lateAt
    const isExpected = this.#isCancelled || isLate
    if (isLate) this.#exceed()
    const failure = new RunFailure('lease_lost', `run ${this.id}, attempt ${this.#order.attempt}: ${why}`)
    this.#controller.abort(failure)
    this.#over(signal.reason)
    if (!isExpected) this.#deps.onError(failure)
  }

  #exceed(): void {
    this.abort('deadline_exceeded', 'its time is over')
  }

  #keepLease(): void {
    clearTimeout(this.#lease)
    this.#lease = setTimeout(() => {
      // How it ended is said until the server has heard it, or says that the lease is over.
      if (this.#state === 'held') this.#lose('the server was not heard of for as long as a lease lasts')
    }, leaseMs)
  }

  #watch(): void {
    this.#isWatched = true
    this.#deps.moved()
  }

  #end(outcome: RunOutcome): void {
    this.#outcome = outcome
    this.#state = 'ended'
    void this.#talk.go()
  }

  /** `reason`: why what was to be kept is not. */
  #over(reason: unknown): void {
    this.#state = 'over'
    for (const timer of [this.#watching, this.#deadline, this.#lease, this.#chatter]) clearTimeout(timer)
    this.#lines.clear()
    this.#checkpoints.end(reason ?? new RunFailure('run_over', 'the run is over'))
    this.#deps.moved()
  }

  #run(): WorkerRun {
    const { run_id: id, lease_token: _, lease_expires_at: __, time_left_ms: ___, ...order } = this.#order
    return {
      ...order,
      id,
      signal: this.#controller.signal,
      progress: (percent, message) => {
        if (this.#state !== 'held') return
        const progress = progressOf(percent, message)
        if (Object.keys(progress).length === 0) return
        this.#progress = progress
        void this.#talk.go()
      },
      log: (message, level = 'info') => {
        if (this.#state !== 'held') return
        this.#lines.add(message, level)
        void this.#talk.go()
      },
      saveCheckpoint: (value) => this.#save(value),
    }
  }

  /** Who does not wait for it is told of a lost lease by the signal. */
  #save(value: unknown): Promise<void> {
    if (this.#state !== 'held')
      return notKept(this.#controller.signal.reason ?? new RunFailure('run_over', 'its handler has ended'))
    try {
      const kept = this.#checkpoints.add(value)
      void this.#talk.go()
      return kept
    } catch (error) {
      return notKept(error)
    }
  }
}

/** Whoever does not wait for it ends nothing by that: in Node a rejection that nobody hears ends the process. */
function notKept(reason: unknown): Promise<never> {
  const refused = Promise.reject(reason)
  refused.catch(() => {})
  return refused
}
