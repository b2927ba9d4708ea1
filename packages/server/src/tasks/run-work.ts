import type { TaskHandler } from '@nexus/contract'
import type { RunPlan } from './record.ts'

/** After how long it is told that nobody takes a run. */
export const stallMs = 60_000

export type BuiltIn = Exclude<TaskHandler['type'], 'worker'>
export const builtIns = ['http', 'command', 'telemetry_query'] as const satisfies readonly BuiltIn[]

const queueDefault = 'default'

/** Where workers look for runs of a name; no queue has a blank in its own. */
export function workerQueue(queue: string | undefined, name: string): string {
  return `${queue ?? queueDefault} ${name}`
}

/** Where Nexus's own handlers look; no queue of workers begins so. */
export function builtInQueue(type: BuiltIn): string {
  return `@${type}`
}

/** Where the work of a run stands. */
export function workQueueOf({ handler, name }: Pick<RunPlan, 'handler' | 'name'>): string {
  return handler.type === 'worker' ? workerQueue(handler.queue, handler.name ?? name) : builtInQueue(handler.type)
}

/** By which a worker knows what to do. */
export function workNameOf({ handler, name }: Pick<RunPlan, 'handler' | 'name'>): string {
  return handler.type === 'worker' ? (handler.name ?? name) : name
}
