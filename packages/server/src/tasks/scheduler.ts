import { type Alarm, createAlarm, failedRestMs } from '../core/alarm.ts'
import type { Tx } from '../core/context.ts'
import type { Loop } from '../core/loop.ts'
import type { LeftToDo } from './open-gates.ts'
import type { TaskStore } from './ports.ts'
import type { RunPlace } from './record.ts'

export interface SchedulerDeps {
  store: TaskStore
  /** See `advanceTask`. */
  advance(tx: Tx, taskId: string, now: number, after: RunPlace | null): Promise<Pick<LeftToDo, 'next'>>
  /** Tells that nobody takes a run. */
  stalled(tx: Tx, runId: string, now: number): Promise<void>
  now(): number
  onError(cause: unknown): void
}

/** How long it rests at most: an instant that another node has set is not told here. */
const restMsMax = 5000
const dueAtOnce = 500
/** So many share a commit. */
const besides = 50

/**
 * Sleeps until the next task is due, and begins with what became due while nobody was there. Whoever advances a task does so
 * under its lock: several nodes never fire a tick twice, and what one leaves behind the others find.
 */
export class Scheduler implements Loop {
  readonly #deps: SchedulerDeps
  readonly #alarm: Alarm
  #isStopped = false

  constructor(deps: SchedulerDeps) {
    this.#deps = deps
    this.#alarm = createAlarm({ now: deps.now, restMsMax, run: () => this.#run(), onError: deps.onError })
  }

  start(): void {
    this.#alarm.start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#alarm.stop()
  }

  /** A task has to be advanced then. */
  expect(at: number): void {
    this.#alarm.expect(at)
  }

  /** Does everything that is due; the loop does so by itself. */
  async sweep(): Promise<void> {
    await this.#run()
  }

  async #run(): Promise<number | undefined> {
    const { store, now } = this.#deps
    let isOk = true
    for (let isMore = true; isMore && isOk && !this.#isStopped; ) {
      const heard = await this.#hearSignals()
      const due = await store.due(now(), dueAtOnce)
      const done = await this.#each(due, (taskId) => this.#advance(taskId))
      const told = await this.#tellStalled()
      isOk = heard.isOk && done && told.isOk
      isMore = heard.isMore || due.length === dueAtOnce || told.isMore
    }
    if (!isOk) return now() + failedRestMs
    const next = [await store.nextWake(), await store.nextStall()].filter((at) => at !== undefined)
    return next.length === 0 ? undefined : Math.min(...next)
  }

  /** Advances tasks to which something happened, and those that depend on them, before that is forgotten. */
  async #hearSignals(): Promise<{ isOk: boolean; isMore: boolean }> {
    const { store } = this.#deps
    const signals = await store.signals(dueAtOnce)
    const byTask = Map.groupBy(signals, ({ taskId }) => taskId)
    const isOk = await this.#each([...byTask.keys()], async (taskId) => {
      await this.#advance(taskId)
      for (const one of await store.dependents(taskId)) await this.#advanceAll(one)
      const heard = byTask.get(taskId)!.map(({ signalId }) => signalId)
      await store.write((tx) => store.clearSignals(tx, heard))
    })
    return { isOk, isMore: signals.length === dueAtOnce }
  }

  async #tellStalled(): Promise<{ isOk: boolean; isMore: boolean }> {
    const { store, now, stalled } = this.#deps
    const found = await store.stalled(now(), dueAtOnce)
    const isOk = await this.#each(
      found.map(({ runId }) => runId),
      (runId) => store.write((tx) => stalled(tx, runId, now())),
    )
    return { isOk, isMore: found.length === dueAtOnce }
  }

  /** One that cannot be done does not hold up the others. */
  async #each(ids: readonly string[], act: (id: string) => Promise<unknown>): Promise<boolean> {
    let isOk = true
    for (let i = 0; i < ids.length && !this.#isStopped; i += besides) {
      const done = await Promise.allSettled(ids.slice(i, i + besides).map(act))
      for (const one of done) {
        if (one.status === 'fulfilled') continue
        isOk = false
        this.#deps.onError(one.reason)
      }
    }
    return isOk
  }

  async #advance(taskId: string, after: RunPlace | null = null): Promise<RunPlace | null> {
    const { store, now, advance } = this.#deps
    const { next } = await store.write((tx) => advance(tx, taskId, now(), after))
    return next
  }

  /** With all of its runs that wait for what they depend on, however many. */
  async #advanceAll(taskId: string): Promise<void> {
    let next = await this.#advance(taskId)
    while (next && !this.#isStopped) next = await this.#advance(taskId, next)
  }
}
