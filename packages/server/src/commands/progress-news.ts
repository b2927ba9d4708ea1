import { type Alarm, createAlarm } from '../core/alarm.ts'
import type { Tx } from '../core/context.ts'
import type { Loop } from '../core/loop.ts'
import type { CommandStore } from './ports.ts'
import type { CommandRecord, ExecutionRecord } from './record.ts'

export interface ProgressNewsDeps {
  store: Pick<CommandStore, 'write' | 'lock' | 'findExecutions'>
  /** Publishes how far an execution is, and saves its command. */
  tell(tx: Tx, command: CommandRecord, execution: ExecutionRecord): Promise<void>
  now(): number
  onError(cause: unknown): void
}

/** Of one execution. */
const everyMs = 1000
const restMsMax = 5000
/** Of those beyond it the oldest may be told sooner, and what waits of them is told by their ends alone. */
const knownMax = 10_000

interface Known {
  toldAt: number
  /** The command of which something waits to be told. */
  waits: string | undefined
}

/**
 * Lets an execution's progress be told once a second: the first at once, and of what follows in that second the newest when it
 * is over. So a device that says much takes little of the log of events, which all share; what it said last is in the execution
 * in any case.
 */
export class ProgressNews implements Loop {
  readonly #deps: ProgressNewsDeps
  readonly #alarm: Alarm
  /** By execution, the one that was told longest ago first. */
  readonly #known = new Map<string, Known>()

  constructor(deps: ProgressNewsDeps) {
    this.#deps = deps
    const run = () => this.#run()
    this.#alarm = createAlarm({ now: deps.now, restMsMax, run, onError: deps.onError })
  }

  start(): void {
    this.#alarm.start()
  }

  stop(): Promise<void> {
    return this.#alarm.stop()
  }

  /** Does everything that is due; the loop does so by itself. */
  async sweep(): Promise<void> {
    await this.#run()
  }

  /** Whether to tell now; else it is told in time, once `later` says that there is something. */
  admits(executionId: string): boolean {
    const now = this.#deps.now()
    const known = this.#known.get(executionId)
    if (known && now < known.toldAt + everyMs) return false
    this.#note(executionId, now)
    return true
  }

  /** What was not admitted is durable. */
  later({ executionId, commandId }: ExecutionRecord): void {
    const known = this.#known.get(executionId)
    if (!known) return
    known.waits = commandId
    this.#alarm.expect(known.toldAt + everyMs)
  }

  #note(executionId: string, toldAt: number): void {
    this.#known.delete(executionId)
    this.#known.set(executionId, { toldAt, waits: undefined })
    if (this.#known.size > knownMax) this.#known.delete(this.#known.keys().next().value!)
  }

  async #run(): Promise<number | undefined> {
    for (const [executionId, { toldAt, waits }] of this.#known) {
      if (toldAt + everyMs > this.#deps.now()) break
      if (waits === undefined) this.#known.delete(executionId)
      else await this.#tell(executionId, waits)
    }
    const next = this.#known.values().find(({ waits }) => waits !== undefined)
    return next && next.toldAt + everyMs
  }

  async #tell(executionId: string, commandId: string): Promise<void> {
    const { store, tell, now, onError } = this.#deps
    this.#note(executionId, now())
    try {
      await store.write(async (tx) => {
        const command = await store.lock(tx, commandId)
        const [execution] = await store.findExecutions([executionId], tx)
        // How it ended was told.
        if (execution?.status === 'running' && execution.progress) await tell(tx, command, execution)
      })
    } catch (cause) {
      onError(cause)
    }
  }
}
