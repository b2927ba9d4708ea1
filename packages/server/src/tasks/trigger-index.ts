import { createHash } from 'node:crypto'
import type { EventType } from '@nexus/contract'
import { compileFilter, type Matches } from '../core/filter.ts'
import type { TaskRecord } from './record.ts'
import { resolveTemplates, TooLarge, Unresolved, valueAt } from './templates.ts'

/** A task that waits for events, or is paused, and would. */
export interface Trigger extends Readonly<Pick<TaskRecord, 'taskId' | 'version' | 'createdAt' | 'pausedAt' | 'deaf'>> {
  readonly types: readonly EventType[]
  readonly matches: Matches
  /** The key of an event; null: it has none. */
  keyOf(event: TriggeringEvent): string | null
}

export interface TriggeringEvent {
  id: string
  type: EventType
  data: object
}

/** The tasks that wait for events, by type, each type in the order of the tasks' ids. */
export class TriggerIndex {
  readonly #byTask = new Map<string, Trigger>()
  readonly #byType = new Map<EventType, Trigger[]>()

  get(taskId: string): Trigger | undefined {
    return this.#byTask.get(taskId)
  }

  taskIds(): string[] {
    return [...this.#byTask.keys()]
  }

  of(type: EventType): readonly Trigger[] {
    return this.#byType.get(type) ?? []
  }

  /** Those of a type behind a task; null: all of them. */
  *after(type: EventType, taskId: string | null): Generator<Trigger> {
    const triggers = this.of(type)
    for (let i = taskId === null ? 0 : placeOf(triggers, taskId); i < triggers.length; i++)
      if (triggers[i]!.taskId !== taskId) yield triggers[i]!
  }

  /** A task as it is now. */
  put(task: TaskRecord): void {
    this.remove(task.taskId)
    if (!task.definition.trigger || task.deletedAt !== null || task.endedAt !== null) return
    const trigger = triggerOf(task)
    this.#byTask.set(task.taskId, trigger)
    for (const type of trigger.types) {
      const triggers = this.#byType.get(type) ?? []
      triggers.splice(placeOf(triggers, task.taskId), 0, trigger)
      this.#byType.set(type, triggers)
    }
  }

  remove(taskId: string): void {
    const trigger = this.#byTask.get(taskId)
    if (!trigger) return
    this.#byTask.delete(taskId)
    for (const type of trigger.types) {
      const triggers = this.#byType.get(type)!
      triggers.splice(placeOf(triggers, taskId), 1)
    }
  }
}

/** Where it stands in the list, or would stand. */
function placeOf(triggers: readonly Trigger[], taskId: string): number {
  let low = 0
  for (let high = triggers.length; low < high; ) {
    const middle = (low + high) >> 1
    if (triggers[middle]!.taskId < taskId) low = middle + 1
    else high = middle
  }
  return low
}

function triggerOf({ taskId, version, createdAt, pausedAt, deaf, definition }: TaskRecord): Trigger {
  const { event_types, filters = {}, dedupe_key } = definition.trigger!
  return {
    taskId,
    version,
    createdAt,
    pausedAt,
    deaf,
    types: [...new Set(event_types)],
    matches: compileFilter(filters, 'trigger.filters'),
    keyOf: (event) => (dedupe_key === undefined ? null : digestOf(dedupe_key, event)),
  }
}

/**
 * Keys are but compared, and what an event says is kept sealed: a digest is enough. Events that do not say what the key names
 * have the same key.
 */
function digestOf(template: string, event: TriggeringEvent): string {
  try {
    const key = resolveTemplates(template, ([root, ...path]) => (root === 'event' ? valueAt(event, path) : undefined))
    return createHash('sha256').update(JSON.stringify(key)).digest('base64url')
  } catch (cause) {
    if (cause instanceof Unresolved || cause instanceof TooLarge) return ''
    throw cause
  }
}
