import type { ExecutionOrder, ExecutionStanding } from '@nexus/contract'
import { NexusError } from '../nexus-error.ts'
import { asError, codeAmong, isOwnReason, LogLines, progressOf, reasonOf, refusedResult } from '../said.ts'
import { Talk } from '../talk.ts'
import type { CommandHandler, DeviceCommand, Handling, JournalEntry, Outcome } from './command.ts'
import { DeviceError } from './device-error.ts'
import type { DeviceCourier, DeviceReport } from './device-report.ts'
import { completedWith, failedWith } from './outcome.ts'

export interface ExecutionDeps {
  courier: Pick<DeviceCourier, 'send'>
  /** Resolves once what it is now would be there after a crash. */
  remember(execution: Execution): Promise<void>
  acked(): void
  /** Nothing more is to be said of it; `isKept`: how it ended may be asked for again. */
  over(execution: Execution, isKept: boolean): void
  onError(error: Error): void
}

/** How an execution begins: its handler runs, with progress that rises from `seq` on, or it is known already how it ends. */
export type Beginning = (Handling & { seq?: number }) | { outcome: Outcome } | { rejected: string }

/** What is said on the way is said no more often. */
const chatterMs = 200
/**
 * What takes longer than this is told to be under way, though its handler says nothing; what is shorter is told by its result.
 */
const tellsBegunMs = 1000
/** How long a handler whose lease is lost goes on: it may be given the execution again. */
const lostGraceMs = 2000

/**
 * One command on this device:
 *
 *     given -> running -> ended -> over
 *
 * Its handler runs once the server has confirmed that it has reached the device, and it is over once the server has confirmed
 * how it ended, or wants to hear no more. What there is to say is said in this order: the ack, lines, progress, the result; one
 * at a time. Given again, it goes on under the new lease.
 */
export class Execution {
  readonly #deps: ExecutionDeps
  #order: ExecutionOrder
  /** As it came before that, until this lease is known to be over: one way of giving may overtake the other. */
  #earlier: ExecutionOrder | undefined
  readonly #handling: Handling | undefined
  readonly #rejected: string | undefined
  #state: 'given' | 'running' | 'ended' | 'over' = 'given'
  #outcome: Outcome | undefined
  readonly #controller = new AbortController()
  #isCancelled = false
  #isAcked = false
  /** Under the token that it has. */
  #isLost = false
  readonly #lines = new LogLines()
  #progress: { seq: number; percent?: number; message?: string } = { seq: 0 }
  #isProgressDue = false
  #isResting = false
  readonly #talk: Talk<DeviceReport, ExecutionStanding>
  #heardAt = performance.now()
  #deadline: ReturnType<typeof setTimeout> | undefined
  #grace: ReturnType<typeof setTimeout> | undefined
  #chatter: ReturnType<typeof setTimeout> | undefined
  #begun: ReturnType<typeof setTimeout> | undefined
  #begunAt: number | undefined
  #tookMs: number | undefined

  constructor(deps: ExecutionDeps, order: ExecutionOrder, beginning: Beginning) {
    this.#deps = deps
    this.#order = order
    this.#talk = new Talk({
      courier: deps.courier,
      next: () => this.#next(),
      confirmed: (report, standing) => this.#confirmed(report, standing),
      refused: (report, error) => this.#refused(report, error),
    })
    this.#handling = 'handler' in beginning ? beginning : undefined
    this.#rejected = 'rejected' in beginning ? beginning.rejected : undefined
    if ('handler' in beginning) this.#progress.seq = beginning.seq ?? 0
    if (!('outcome' in beginning)) return
    this.#outcome = beginning.outcome
    this.#state = 'ended'
  }

  get id(): string {
    return this.#order.execution_id
  }

  /** Whether its handler is at work, or will be. */
  get isUnderWay(): boolean {
    return this.#state === 'running' || (this.#state === 'given' && this.#rejected === undefined)
  }

  /** Whether the server has yet to hear that it is here. */
  get isUnacked(): boolean {
    return !this.#isAcked && !this.#isLost && this.#outcome === undefined
  }

  get entry(): JournalEntry {
    const known = { execution_id: this.id, at: new Date().toISOString() }
    if (!this.#outcome) return { ...known, state: 'begun', order: this.#order }
    const state = this.#state === 'over' ? 'confirmed' : 'ended'
    return { ...known, state, order: { ...this.#order, parameters: {} }, outcome: this.#outcome }
  }

  start(): void {
    void this.#talk.go()
  }

  /** It was given again: what there is to say is said under the new lease. */
  renew(order: ExecutionOrder): void {
    const isAnother = order.lease_token !== this.#order.lease_token
    this.#goOn(order, isAnother && !this.#isLost ? this.#order : undefined)
  }

  #goOn(order: ExecutionOrder, earlier: ExecutionOrder | undefined): void {
    clearTimeout(this.#grace)
    this.#order = order
    this.#earlier = earlier
    this.#isAcked = false
    this.#isLost = false
    if (this.#state === 'running') this.#setDeadline()
    void this.#talk.go()
  }

  cancel(): void {
    this.#isCancelled = true
    this.abort('cancelled', 'the command was cancelled')
    if (this.#state === 'given') this.#end({ status: 'cancelled' })
  }

  abort(code: string, message: string): void {
    this.#controller.abort(new DeviceError(code, message))
  }

  /** Doesn't wait for the handler any longer. */
  giveUp(): void {
    if (this.isUnderWay) this.#end(failedWith(new DeviceError('device_stopped', 'the device stopped before it ended')))
  }

  /** Says that it is alive, unless the server has heard of it of late. */
  beat(silentMs: number): void {
    if (this.#state !== 'running' || performance.now() - this.#heardAt < silentMs) return
    this.#isProgressDue = true
    void this.#talk.go()
  }

  #next(): DeviceReport | undefined {
    if (this.#isLost || this.#state === 'over') return undefined
    const { execution_id, lease_token } = this.#order
    const held = { execution_id, lease_token }
    if (!this.#isAcked && !this.#outcome) return this.#ack(held)
    const mayChat = this.#outcome !== undefined || !this.#isResting
    const atWork = { ...held, ...this.#elapsed() }
    if (mayChat && !this.#lines.isEmpty)
      return { type: 'command.log', payload: { ...atWork, lines: this.#lines.next() } }
    if (mayChat && this.#isProgressDue) return { type: 'command.progress', payload: { ...atWork, ...this.#progress } }
    return this.#outcome && { type: 'command.result', payload: { ...atWork, ...this.#took(), ...this.#outcome } }
  }

  /** Nothing where it did not begin, or not in this process. */
  #elapsed(): { elapsed_ms?: number } {
    if (this.#begunAt === undefined) return {}
    return { elapsed_ms: Math.round(performance.now() - this.#begunAt) }
  }

  #took(): { duration_ms?: number } {
    return this.#tookMs === undefined ? {} : { duration_ms: this.#tookMs }
  }

  #ack(held: { execution_id: string; lease_token: string }): DeviceReport {
    if (this.#rejected === undefined) return { type: 'command.ack', payload: { ...held, status: 'accepted' } }
    return { type: 'command.ack', payload: { ...held, status: 'rejected', reason: reasonOf(this.#rejected) } }
  }

  async #confirmed({ type, payload }: DeviceReport, standing: ExecutionStanding): Promise<void> {
    if (type === 'command.log') this.#lines.confirmed()
    if (payload.lease_token !== this.#order.lease_token) return
    this.#heardAt = performance.now()
    if (type === 'command.ack') {
      this.#isAcked = true
      this.#deps.acked()
    } else if (this.#state === 'running') this.#rest()
    if (type === 'command.progress' && payload.seq === this.#progress.seq) this.#isProgressDue = false
    if (type === 'command.result') this.#over(true)
    else if (this.#rejected !== undefined) this.#over(false)
    if (standing.cancel_requested) this.cancel()
    if (this.#state === 'given') await this.#run()
  }

  #rest(): void {
    this.#isResting = true
    clearTimeout(this.#chatter)
    this.#chatter = setTimeout(() => {
      this.#isResting = false
      void this.#talk.go()
    }, chatterMs)
  }

  #refused({ type, payload }: DeviceReport, error: Error): void {
    if (type === 'command.log') this.#lines.confirmed()
    const isLost = error instanceof NexusError && error.details?.reason === 'lease_lost'
    if (isLost && payload.lease_token === this.#earlier?.lease_token) this.#earlier = undefined
    if (payload.lease_token !== this.#order.lease_token) return
    if (isLost && this.#earlier) {
      this.#goOn(this.#earlier, undefined)
      return
    }
    if (error instanceof NexusError && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND')) {
      if (type !== 'command.result') this.#lose()
      else {
        if (error.details?.reason === 'result_differs') this.#deps.onError(error)
        this.#over(true)
      }
      return
    }
    this.#deps.onError(error)
    if (type === 'command.progress') this.#isProgressDue = false
    else if (type === 'command.ack') this.#lose()
    else if (type === 'command.result' && this.#outcome!.result !== undefined) this.#withoutResult(error)
    else if (type === 'command.result') this.#over(true)
  }

  #withoutResult(error: Error): void {
    const { status } = this.#outcome!
    this.#outcome = status === 'cancelled' ? { status } : { status: 'failed', error: refusedResult(error) }
  }

  /** Somebody else has it, or it has ended: under this lease nothing more is said but how it ended, which may count still. */
  #lose(): void {
    if (this.#state === 'given') {
      this.#over(false)
      return
    }
    this.#lines.clear()
    if (this.#state !== 'running') {
      this.#isProgressDue = false
      return
    }
    this.#isLost = true
    clearTimeout(this.#grace)
    this.#grace = setTimeout(() => this.abort('lease_lost', 'the lease of the execution is over'), lostGraceMs)
  }

  /** Resolves once it is remembered that it begins. */
  async #run(): Promise<void> {
    this.#state = 'running'
    this.#setDeadline()
    await this.#deps.remember(this)
    if (this.#state !== 'running') return
    this.#begunAt = performance.now()
    this.#begun = setTimeout(() => this.beat(0), tellsBegunMs)
    void this.#handle(this.#handling!.handler)
  }

  async #handle(handler: CommandHandler): Promise<void> {
    const { signal } = this.#controller
    let outcome: Outcome
    let isNews = true
    try {
      outcome = completedWith(await handler(this.#command()))
    } catch (thrown) {
      isNews = !isOwnReason(thrown, signal)
      outcome = failedWith(isNews ? thrown : signal.reason)
      if (isNews && codeAmong(thrown) === undefined) this.#deps.onError(asError(thrown))
    }
    if (this.#state !== 'running') return
    const isKnown = !isNews && !this.#isCancelled && this.#isKnownToServer(codeAmong(signal.reason))
    this.#end(this.#isCancelled ? cancelledWith(outcome, isNews) : outcome)
    if (isKnown) this.#over(true)
  }

  #isKnownToServer(reason: string | undefined): boolean {
    return reason === 'deadline_exceeded' || (reason === 'lease_lost' && this.#isLost)
  }

  #command(): DeviceCommand {
    const {
      execution_id: id,
      command_id,
      attempt,
      command: name,
      parameters,
      service,
      deadline,
      trace_id,
    } = this.#order
    return {
      ...{ id, command_id, attempt, name, parameters, service, deadline, trace_id },
      signal: this.#controller.signal,
      progress: (percent, message) => {
        if (this.#state !== 'running') return
        this.#progress = { seq: this.#progress.seq + 1, ...progressOf(percent, message) }
        this.#isProgressDue = true
        void this.#talk.go()
      },
      log: (message, level = 'info') => {
        if (this.#state !== 'running') return
        this.#lines.add(message, level)
        void this.#talk.go()
      },
    }
  }

  #setDeadline(): void {
    clearTimeout(this.#deadline)
    const { time_left_ms: ms } = this.#order
    if (ms !== null) this.#deadline = setTimeout(() => this.abort('deadline_exceeded', 'its time is over'), ms)
  }

  #end(outcome: Outcome): void {
    for (const timer of [this.#deadline, this.#grace, this.#chatter, this.#begun]) clearTimeout(timer)
    this.#tookMs = this.#elapsed().elapsed_ms
    this.#outcome = outcome
    this.#state = 'ended'
    this.#isLost = false
    void this.#deps.remember(this)
    void this.#talk.go()
  }

  #over(isKept: boolean): void {
    this.#state = 'over'
    this.#deps.over(this, isKept)
  }
}

/** What it did on the way to its end is told along. */
function cancelledWith({ result, error }: Outcome, isNews: boolean): Outcome {
  return { status: 'cancelled', ...(result !== undefined && { result }), ...(error && isNews && { error }) }
}
