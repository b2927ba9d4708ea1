import type { Tx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { inParts } from '../core/in-parts.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import { idOf, type LoggedEvent } from '../events/index.ts'
import { FanOuts, noteTrigger } from './fan-outs.ts'
import type { TaskStore } from './ports.ts'
import type { TaskRecord } from './record.ts'
import { type Trigger, TriggerIndex } from './trigger-index.ts'

export interface TriggersDeps {
  store: TaskStore
  now(): number
  /** How many events may wait to be fanned out. */
  fanOutsMax: number
  /** Tasks have to be advanced. */
  wake(): void
  onError(cause: unknown): void
}

/** How often the index is compared with the state, for tasks of which other nodes told in vain. */
const restMs = 5000
const readAtOnce = 500
/**
 * In the transaction of an event so many tasks are asked whether the event is for them, and it is noted for so few; else it is
 * fanned out.
 */
const askedMax = 1000
const notedMax = 10
const issue = 'of the events that many tasks wait for too many are still to be handed on to them'
const retryAfterSeconds = 5

/**
 * The tasks that wait for events. What an event triggers is noted in the transaction of the event itself: neither is there
 * without the other. An event for many tasks is noted for them by steps of their own (`FanOuts`), so that its publisher does
 * not pay for them; a publisher is told to come back where too many events wait for that.
 */
export class Triggers implements Loop {
  readonly #deps: TriggersDeps
  readonly #index = new TriggerIndex()
  readonly #fanOuts: FanOuts
  readonly #loop
  #loading: Promise<unknown> = Promise.resolve()
  /** What was put while tasks are read: it goes over that. */
  #late: Set<string> | undefined

  constructor(deps: TriggersDeps) {
    this.#deps = deps
    this.#loop = createLoop({ restMs, run: () => this.load(), onError: deps.onError })
    this.#fanOuts = new FanOuts({ ...deps, index: this.#index, load: () => this.load() })
  }

  start(): void {
    this.#deps.store.onTriggersAnnounced((taskIds) => void this.#hear(taskIds))
    this.#loop.start()
    this.#loop.wake()
    this.#fanOuts.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#fanOuts.stop()])
  }

  /** Notes what is still to be noted of events that many tasks wait for; the loop does so by itself. */
  sweep(): Promise<void> {
    return this.#fanOuts.sweep()
  }

  /** A task was made or changed here: it counts from this moment on, and elsewhere some milliseconds later. */
  put(task: TaskRecord): void {
    this.#late?.add(task.taskId)
    this.#index.put(task)
    if (task.definition.trigger) this.#deps.store.announceTrigger(task.taskId)
  }

  /** Reads which tasks there are, as committed by then; of those that are known nothing but their versions. */
  load(): Promise<void> {
    return this.#afterOthers((late) => this.#readAll(late))
  }

  /** Tasks were made or changed elsewhere. */
  #hear(taskIds: readonly string[]): Promise<void> {
    return this.#afterOthers((late) => this.#read(taskIds, late)).catch(this.#deps.onError)
  }

  /** One reads at a time; `late` is what is put here meanwhile, and goes over what was read. */
  #afterOthers(read: (late: ReadonlySet<string>) => Promise<void>): Promise<void> {
    const done = this.#loading.then(async () => {
      const late = new Set<string>()
      this.#late = late
      await read(late).finally(() => {
        this.#late = undefined
      })
    })
    this.#loading = done.catch(() => {})
    return done
  }

  async #readAll(late: ReadonlySet<string>): Promise<void> {
    const listed = await this.#deps.store.listening()
    const changed = listed.filter(({ taskId, version, pausedAt, deafTo }) => {
      const known = this.#index.get(taskId)
      return known?.version !== version || known.pausedAt !== pausedAt || (known.deaf?.to ?? null) !== deafTo
    })
    const isListed = new Set(listed.map(({ taskId }) => taskId))
    for (const taskId of this.#index.taskIds())
      if (!isListed.has(taskId) && !late.has(taskId)) this.#index.remove(taskId)
    await this.#read(
      changed.map(({ taskId }) => taskId),
      late,
    )
  }

  /** Those that are not there any more are for no events. */
  async #read(taskIds: readonly string[], late: ReadonlySet<string>): Promise<void> {
    for (const part of inParts(taskIds, readAtOnce)) {
      const found = new Map((await this.#deps.store.find(part)).map((task) => [task.taskId, task]))
      for (const taskId of part.filter((id) => !late.has(id))) {
        const task = found.get(taskId)
        if (task) this.#index.put(task)
        else this.#index.remove(taskId)
      }
    }
  }

  /** Called in the transaction of each event that is published. */
  published(tx: Tx, event: LoggedEvent): Promise<void> | undefined {
    const triggers = this.#index.of(event.type)
    if (triggers.length === 0) return undefined
    if (triggers.length > askedMax) return this.#fanOut(tx, event)
    const matching = triggers.filter(({ pausedAt, matches }) => pausedAt === null && matches(event.data))
    if (matching.length === 0) return undefined
    return matching.length > notedMax ? this.#fanOut(tx, event) : this.#note(tx, event, matching)
  }

  async #note(tx: Tx, { seq, ...event }: LoggedEvent, triggers: readonly Trigger[]): Promise<void> {
    const { store, wake } = this.#deps
    for (const trigger of triggers) await noteTrigger(store, tx, trigger, { ...event, eventId: idOf(seq) })
    store.afterCommit(tx, wake)
  }

  async #fanOut(tx: Tx, event: LoggedEvent): Promise<void> {
    const { type, data, at, traceId } = event
    const { store, fanOutsMax } = this.#deps
    if ((await store.countFanOuts(tx, fanOutsMax)) >= fanOutsMax)
      throw fail('SERVICE_UNAVAILABLE', { reason: 'too_many_events', limit: fanOutsMax, issue }, { retryAfterSeconds })
    await store.addFanOut(tx, { eventId: idOf(event.seq), type, data, at, traceId })
    store.afterCommit(tx, () => this.#fanOuts.wake())
  }
}
