import type { ExecutionOrder } from '@nexus/contract'
import { Change } from '../change.ts'
import { deviceLimits } from '../contract-data.ts'
import { Courier } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { Pace } from '../pace.ts'
import type { RetryPolicy } from '../retry.ts'
import type { SocketDeps } from '../socket.ts'
import { type StopOptions, stopDefaults } from '../stop-options.ts'
import type { CommandHandler, DeviceOptions, HandlerOptions, Handling, JournalEntry } from './command.ts'
import { DeviceError } from './device-error.ts'
import { type DeviceCourier, devicePace, httpLink } from './device-report.ts'
import { type Beginning, Execution, type ExecutionDeps } from './execution.ts'
import { Memory } from './memory.ts'
import { failedWith } from './outcome.ts'
import { receive } from './receiver.ts'

export interface DeviceDeps {
  socket: SocketDeps
  invoke: Invoke
  policy: RetryPolicy
}

const maxConcurrencyDefault = 16
const beatMs = 5000
const interruptions: ReadonlySet<string | undefined> = new Set(['device_restarted', 'device_stopped', 'lease_lost'])

/**
 * A device that executes commands. Each reaches its handler once: what is given again after a connection broke goes on, or is
 * answered from memory. With a journal that holds over restarts of the process too.
 *
 *     new -> started -> stopping -> stopped
 */
export class Device {
  readonly id: string
  readonly #deps: DeviceDeps
  readonly #options: DeviceOptions
  readonly #handlers = new Map<string, Handling>()
  #any: Handling | undefined
  readonly #memory = new Memory()
  readonly #courier: DeviceCourier
  readonly #executionDeps: ExecutionDeps
  #state: 'new' | 'started' | 'stopping' | 'stopped' = 'new'
  readonly #receiving = new AbortController()
  #received: Promise<void> = Promise.resolve()
  #beating: ReturnType<typeof setInterval> | undefined
  #saved: Promise<void> = Promise.resolve()
  /** Resolved whenever an execution is no longer under way, or over. */
  readonly #moved = new Change()
  #stopped: Promise<void> | undefined

  constructor(deps: DeviceDeps, id: string, options: DeviceOptions = {}) {
    const { maxConcurrency: max = 1 } = options
    if (!Number.isInteger(max) || max < 1 || max > deviceLimits.leaseMax)
      throw new RangeError(`maxConcurrency must be a whole number from 1 to ${deviceLimits.leaseMax}, not ${max}`)
    this.id = id
    this.#deps = deps
    this.#options = options
    const onError = (error: Error) => this.#tell(error)
    this.#courier = new Courier({ pace: new Pace(devicePace), policy: deps.policy, onError })
    this.#executionDeps = {
      courier: this.#courier,
      remember: (execution) => this.#remember(execution),
      acked: () => this.#moved.tell(),
      over: (execution, isKept) => this.#over(execution, isKept),
      onError,
    }
  }

  /** What the device does for commands of a name. */
  on<Parameters = Record<string, unknown>, Result = unknown>(
    name: string,
    handler: CommandHandler<Parameters, Result>,
    { idempotent = false }: HandlerOptions = {},
  ): this {
    this.#handlers.set(name, { handler: handler as CommandHandler, idempotent })
    return this
  }

  /** What it does for commands for which it has nothing else; without it these are rejected. */
  onAny(handler: CommandHandler, { idempotent = false }: HandlerOptions = {}): this {
    this.#any = { handler, idempotent }
    return this
  }

  /**
   * Begins to receive, and goes on until it is stopped, however often the connection breaks. Resolves when the journal is read;
   * it doesn't wait for the server. Errors: what the journal throws; a device starts once.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error(`the device is ${this.#state}: it starts once`)
    this.#state = 'started'
    const entries = (await this.#options.journal?.load()) ?? []
    if (this.#state !== 'started') return
    for (const entry of new Map(entries.map((each) => [each.execution_id, each])).values()) this.#restore(entry)
    this.#beating = setInterval(() => this.#beat(), beatMs)
    this.#received = this.#receive()
  }

  /**
   * Takes no more commands, waits until those under way have ended and their results are confirmed, and resolves. What is
   * still under way after `graceMs` is aborted; what hasn't ended `lastWordsMs` later fails with the code `device_stopped`.
   * Results that could not be brought to the server are told through `onError`, and stay in the journal.
   */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop({ ...stopDefaults, ...options })
    return this.#stopped
  }

  async #stop({ graceMs, lastWordsMs }: Required<StopOptions>): Promise<void> {
    this.#state = 'stopping'
    this.#receiving.abort()
    this.#moved.tell()
    await this.#received
    // Without a connection leases are kept by what is said.
    this.#courier.use(httpLink(this.#deps.invoke))
    await this.#moved.until(() => !this.#isAtWork(), graceMs)
    for (const execution of this.#memory.live) execution.abort('device_stopped', 'the device stops')
    await this.#moved.until(() => !this.#isAtWork(), lastWordsMs)
    for (const execution of this.#memory.live) execution.giveUp()
    await this.#moved.until(() => this.#memory.live.length === 0, lastWordsMs)
    this.#state = 'stopped'
    clearInterval(this.#beating)
    this.#courier.close()
    const unsaid = this.#memory.live.map(({ id }) => id)
    if (unsaid.length > 0)
      this.#tell(new DeviceError('unconfirmed', `no result of these is known to the server: ${unsaid.join(', ')}`))
    await this.#saved
  }

  #receive(): Promise<void> {
    const { maxConcurrency = maxConcurrencyDefault, transport } = this.#options
    const capabilities = { ...this.#options.capabilities, max_concurrency: maxConcurrency, acks_first: true }
    const deps = this.#deps
    return receive(
      {
        ...deps,
        courier: this.#courier,
        http: httpLink(deps.invoke),
        usesWebSocket: transport !== 'long-poll' && typeof deps.socket.WebSocket === 'function',
        maxConcurrency,
        hello: () => ({ device_id: this.id, capabilities, have: this.#memory.live.map(({ id }) => id) }),
        execute: (order) => this.#take(order),
        cancel: (id) => this.#memory.find(id)?.cancel(),
        hasRoom: () => this.#hasRoom(maxConcurrency),
        moved: () => this.#moved.next,
        onError: (error) => this.#tell(error),
      },
      this.#receiving.signal,
    )
  }

  #take(order: ExecutionOrder): void {
    if (this.#state !== 'started') return
    const known = this.#memory.find(order.execution_id)
    if (known) known.renew(order)
    else this.#begin(order, this.#beginningOf(order))
  }

  #beginningOf(order: ExecutionOrder): Beginning {
    const handling = this.#handlingOf(order)
    const outcome = this.#memory.finished(order.execution_id)?.outcome
    if (outcome && !(handling?.idempotent && interruptions.has(outcome.error?.code))) return { outcome }
    return handling ?? { rejected: `unknown_command: this device has no command ${order.command}` }
  }

  #handlingOf({ command }: ExecutionOrder): Handling | undefined {
    return this.#handlers.get(command) ?? this.#any
  }

  #begin(order: ExecutionOrder, beginning: Beginning): void {
    const execution = new Execution(this.#executionDeps, order, beginning)
    this.#memory.begin(execution)
    execution.start()
  }

  /** What a journal tells of an execution, when the process has been restarted. */
  #restore(entry: JournalEntry): void {
    if (entry.state === 'confirmed') this.#memory.finish(entry)
    else this.#begin(orderNow(entry), this.#beginningAfterRestart(entry))
  }

  #beginningAfterRestart({ order, outcome }: JournalEntry): Beginning {
    const handling = this.#handlingOf(order)
    if (outcome) return { outcome }
    // What was said of its progress before the restart is lower.
    if (handling?.idempotent) return { ...handling, seq: Date.now() }
    return { outcome: failedWith(new DeviceError('device_restarted', 'the device was restarted before it ended')) }
  }

  #over(execution: Execution, isKept: boolean): void {
    if (isKept) {
      this.#memory.finish(execution.entry)
      void this.#save(execution.entry)
    } else this.#memory.drop(execution.id)
    this.#moved.tell()
  }

  #remember(execution: Execution): Promise<void> {
    this.#moved.tell()
    return this.#save(execution.entry)
  }

  /** One entry after the other. */
  #save(entry: JournalEntry): Promise<void> {
    const { journal } = this.#options
    if (journal) this.#saved = this.#saved.then(() => journal.save(entry)).catch((error) => this.#tell(error))
    return this.#saved
  }

  #beat(): void {
    // Over a WebSocket the server keeps the leases as long as it is open.
    if (this.#courier.mustBeat) for (const execution of this.#memory.live) execution.beat(beatMs / 2)
  }

  #isAtWork(): boolean {
    return this.#memory.live.some(({ isUnderWay }) => isUnderWay)
  }

  #hasRoom(max: number): boolean {
    const { live } = this.#memory
    return live.length < max && !live.some(({ isUnacked }) => isUnacked)
  }

  #tell(error: Error): void {
    const { onError } = this.#options
    try {
      if (onError) onError(error)
      else console.error(`device ${this.id}:`, error)
    } catch (thrown) {
      console.error(`device ${this.id}: onError threw`, thrown)
    }
  }
}

/** With what is left of its time. */
function orderNow({ order, at }: JournalEntry): ExecutionOrder {
  const { time_left_ms: left } = order
  const passedMs = Math.max(0, Date.now() - Date.parse(at))
  return { ...order, time_left_ms: left === null ? null : Math.max(0, left - passedMs) }
}
