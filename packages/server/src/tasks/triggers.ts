import { createHash } from 'node:crypto'
import type { EventType } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { compileFilter, type Matches } from '../core/filter.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import { idOf, type LoggedEvent } from '../events/index.ts'
import type { TaskStore } from './ports.ts'
import { isLive, type TaskRecord } from './record.ts'
import { resolveTemplates, TooLarge, Unresolved, valueAt } from './templates.ts'

interface Trigger {
  taskId: string
  matches: Matches
  dedupeKey: string | undefined
}

export interface TriggersDeps {
  store: Pick<TaskStore, 'triggered' | 'addTrigger' | 'signal' | 'afterCommit'>
  now(): number
  /** There is something to look at. */
  wake(): void
  onError(cause: unknown): void
}

/** Other nodes tell nothing of the tasks that they are given. */
const restMs = 5000
const triggersMax = 10_000

/**
 * The tasks that wait for events, by type. What an event triggers is noted in the transaction of the event itself: neither is
 * there without the other.
 */
export class Triggers implements Loop {
  readonly #deps: TriggersDeps
  readonly #loop
  #byType = new Map<EventType, Trigger[]>()
  /** What was put while tasks are read: it goes over that. */
  #late: Map<string, TaskRecord> | undefined

  constructor(deps: TriggersDeps) {
    this.#deps = deps
    this.#loop = createLoop({ restMs, run: () => this.load(), onError: deps.onError })
  }

  start(): void {
    this.#loop.start()
    this.#loop.wake()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** A task was made or changed here: it counts from this moment on. */
  put(task: TaskRecord): void {
    if (!task.definition.trigger) return
    this.#late?.set(task.taskId, task)
    replace(this.#byType, task)
  }

  /** Reads which tasks there are, as committed. */
  async load(): Promise<void> {
    const late = new Map<string, TaskRecord>()
    this.#late = late
    const byType = new Map<EventType, Trigger[]>()
    for (const task of await this.#deps.store.triggered(triggersMax)) add(byType, task)
    for (const task of late.values()) replace(byType, task)
    this.#byType = byType
  }

  /** Called in the transaction of each event that is published. */
  async published(tx: Tx, event: LoggedEvent): Promise<void> {
    const triggers = this.#byType.get(event.type)
    if (!triggers) return
    const { store, now } = this.#deps
    const { type, data, traceId } = event
    const eventId = idOf(event.seq)
    const matching = triggers.filter(({ matches }) => matches(data))
    for (const { taskId, dedupeKey } of matching) {
      const key = dedupeKey === undefined ? null : keyOf(dedupeKey, { id: eventId, type, data })
      await store.addTrigger(tx, { taskId, eventId, type, data, dedupeKey: key, at: now(), traceId })
      await store.signal(tx, taskId)
    }
    if (matching.length > 0) store.afterCommit(tx, () => this.#deps.wake())
  }
}

function replace(byType: Map<EventType, Trigger[]>, task: TaskRecord): void {
  for (const [type, triggers] of byType)
    byType.set(
      type,
      triggers.filter(({ taskId }) => taskId !== task.taskId),
    )
  if (isLive(task)) add(byType, task)
}

function add(byType: Map<EventType, Trigger[]>, task: TaskRecord): void {
  for (const type of task.definition.trigger?.event_types ?? [])
    byType.set(type, [...(byType.get(type) ?? []), triggerOf(task)])
}

function triggerOf({ taskId, definition }: TaskRecord): Trigger {
  const { filters = {}, dedupe_key: dedupeKey } = definition.trigger!
  return { taskId, matches: compileFilter(filters, 'trigger.filters'), dedupeKey }
}

/** Keys are but compared, and what an event says is kept sealed: a digest is enough. What it does not say is the same for all. */
function keyOf(template: string, event: { id: string; type: string; data: object }): string {
  try {
    const key = resolveTemplates(template, ([root, ...path]) => (root === 'event' ? valueAt(event, path) : undefined))
    return createHash('sha256').update(JSON.stringify(key)).digest('base64url')
  } catch (cause) {
    if (cause instanceof Unresolved || cause instanceof TooLarge) return ''
    throw cause
  }
}
