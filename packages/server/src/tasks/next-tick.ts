import type { TaskDefinition } from '@nexus/contract'
import { scheduleOf } from './definition.ts'
import { nextAfter } from './schedule.ts'

/** The first tick after `now`; null: there is none. One that runs once runs now where it has no time, or one that is past. */
export function nextTickOf(definition: TaskDefinition, anchor: number, now: number): number | null {
  const schedule = scheduleOf(definition, anchor)
  if (definition.type === 'one_time') return schedule ? (nextAfter(schedule, -1) ?? now) : now
  return (schedule && nextAfter(schedule, now)) ?? null
}
