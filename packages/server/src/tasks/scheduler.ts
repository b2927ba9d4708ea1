import { type Alarm, createAlarm } from '../core/alarm.ts'
import type { Tx } from '../core/context.ts'
import { type DueWork, doAllDue, failedAmong } from '../core/due-work.ts'
import { failedRestMs, type Loop } from '../core/loop.ts'
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

type Signal = Awaited<ReturnType<TaskStore['signals']>>[number]

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
    const { store, now, stalled } = this.#deps
    const due: DueWork<string, string> = {
      // One that is found may take many steps.
      atOnce: 1,
      find: (passedOver) => store.due(now(), dueAtOnce + passedOver.size),
      idOf: (taskId) => taskId,
      act: (taskIds) => this.#each(taskIds, (taskId) => this.#advance(taskId)),
    }
    const stalls: DueWork<string, string> = {
      atOnce: dueAtOnce,
      find: (passedOver) => store.stalled(now(), dueAtOnce + passedOver.size),
      idOf: (runId) => runId,
      act: (runIds) => this.#each(runIds, (runId) => store.write((tx) => stalled(tx, runId, now()))),
    }
    const isOk = await doAllDue([this.#signals(), due, stalls], () => this.#isStopped)
    if (!isOk) return now() + failedRestMs
    const next = [await store.nextWake(), await store.nextStall()].filter((at) => at !== undefined)
    return next.length === 0 ? undefined : Math.min(...next)
  }

  /**
   * Tasks to which something happened are advanced, and those that depend on them, before that is forgotten. Where one of these
   * cannot be, all of them are advanced again later.
   */
  #signals(): DueWork<Signal, string> {
    const { store } = this.#deps
    const hear = async (taskId: string, of: readonly Signal[]): Promise<boolean> => {
      const failed = await this.#each([taskId], () => this.#advance(taskId))
      failed.push(...(await this.#each(await store.dependents(taskId), (one) => this.#advanceAll(one), 1)))
      if (failed.length > 0 || this.#isStopped) return false
      const heard = of.map(({ signalId }) => signalId)
      await store.write((tx) => store.clearSignals(tx, heard))
      return true
    }
    return {
      atOnce: dueAtOnce,
      find: (passedOver) => store.signals(dueAtOnce, [...passedOver]),
      idOf: ({ taskId }) => taskId,
      act: async (signals) => {
        const byTask = Map.groupBy(signals, ({ taskId }) => taskId)
        const unheard: string[] = []
        const failed = await this.#each([...byTask.keys()], async (taskId) => {
          if (!(await hear(taskId, byTask.get(taskId)!))) unheard.push(taskId)
        })
        return [...failed, ...unheard]
      },
    }
  }

  /** One that cannot be done does not hold up the others. Returns those. */
  #each(ids: readonly string[], act: (id: string) => Promise<unknown>, atOnce = besides): Promise<string[]> {
    const { onError } = this.#deps
    return failedAmong(ids, act, { onError, besides: atOnce, isStopped: () => this.#isStopped })
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
