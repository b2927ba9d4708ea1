import type { Tx } from '../core/context.ts'
import { doAllDue, failedAmong } from '../core/due-work.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { TaskStore } from './ports.ts'
import { type FanOutRecord, isDeafTo } from './record.ts'
import type { Trigger, TriggerIndex } from './trigger-index.ts'

export interface FanOutsDeps {
  store: Pick<
    TaskStore,
    'write' | 'afterCommit' | 'addTrigger' | 'signal' | 'fanOuts' | 'lockFanOut' | 'moveFanOut' | 'isShared'
  >
  index: TriggerIndex
  /** Brings the index to what is committed by now. */
  load(): Promise<void>
  /** Tasks have to be advanced. */
  wake(): void
  onError(cause: unknown): void
}

/** What another node left behind is found after so long. */
const restMs = 5000
/** So many events go on at once, each by so many tasks in a transaction. */
const besides = 16
const askedAtOnce = 1000
const notedAtOnce = 50

/**
 * Notes events for the tasks that they trigger, where these are many: step by step through the tasks in the order of their ids.
 * How far a fan-out has come is written with what was noted, so that each task is asked once about each event, whatever is
 * killed when.
 */
export class FanOuts implements Loop {
  readonly #deps: FanOutsDeps
  readonly #loop

  constructor(deps: FanOutsDeps) {
    this.#deps = deps
    this.#loop = createLoop({ restMs, run: (signal) => this.sweep(signal), onError: deps.onError })
  }

  start(): void {
    this.#loop.start()
    this.#loop.wake()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  wake(): void {
    this.#loop.wake()
  }

  /** Rejects, when all others are done, with why one could not be: it does not hold them up, and is tried again later. */
  async sweep(signal?: AbortSignal): Promise<void> {
    const { store, load } = this.#deps
    const causes: unknown[] = []
    let known: ReadonlySet<number> = new Set()
    const act = async (open: readonly number[]) => {
      // Other nodes may have been given tasks, before the event, of which this one has not heard.
      if (store.isShared && open.some((id) => !known.has(id))) await load()
      known = new Set(open)
      const onError = (cause: unknown) => void causes.push(cause)
      return failedAmong(open, (id) => store.write((tx) => this.#step(tx, id)), { onError, besides })
    }
    const find = (passedOver: ReadonlySet<number>) => store.fanOuts(besides + passedOver.size)
    // One that is found may take many steps.
    await doAllDue([{ atOnce: 1, find, idOf: (id) => id, act }], () => signal?.aborted === true)
    for (const cause of causes) throw cause
  }

  async #step(tx: Tx, fanOutId: number): Promise<void> {
    const { store, index, wake } = this.#deps
    const fanOut = await store.lockFanOut(tx, fanOutId)
    if (!fanOut) return
    const { matching, next } = nextOf(index, fanOut)
    for (const trigger of matching) await noteTrigger(store, tx, trigger, fanOut)
    await store.moveFanOut(tx, fanOutId, next)
    if (matching.length > 0) store.afterCommit(tx, wake)
  }
}

/** The next tasks that it triggers, and the last one that was asked; null: there are no more. */
function nextOf(index: TriggerIndex, fanOut: FanOutRecord): { matching: Trigger[]; next: string | null } {
  const matching: Trigger[] = []
  let asked = 0
  for (const trigger of index.after(fanOut.type, fanOut.afterTask)) {
    if (isFor(trigger, fanOut)) matching.push(trigger)
    if (++asked === askedAtOnce || matching.length === notedAtOnce) return { matching, next: trigger.taskId }
  }
  return { matching, next: null }
}

/** A task that was made after it, or was paused then, is none of its business. */
function isFor(trigger: Trigger, { at, data }: FanOutRecord): boolean {
  return at >= trigger.createdAt && !isDeafTo(trigger, at) && trigger.matches(data)
}

/** Notes an event for a task, which is advanced once that is durable. */
export async function noteTrigger(
  store: Pick<TaskStore, 'addTrigger' | 'signal'>,
  tx: Tx,
  { taskId, keyOf }: Trigger,
  { eventId, type, data, at, traceId }: Omit<FanOutRecord, 'fanOutId' | 'afterTask'>,
): Promise<void> {
  const dedupeKey = keyOf({ id: eventId, type, data })
  await store.addTrigger(tx, { taskId, eventId, type, data, dedupeKey, at, traceId })
  await store.signal(tx, taskId)
}
