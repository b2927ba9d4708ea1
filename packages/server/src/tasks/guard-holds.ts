import type { TaskGuard } from '@nexus/contract'
import { newTraceId } from '../core/ids.ts'
import { parseGuard } from './guard.ts'
import type { Acting } from './ports.ts'
import type { TaskRecord } from './record.ts'

/** Asks telemetry whether a guard holds now, with the rights of the task's key. Where there is no reading it does not. */
export async function guardHolds(
  { acting, now }: { acting: Acting; now(): number },
  task: TaskRecord,
  guard: TaskGuard,
): Promise<boolean> {
  const principal = await acting.principal(task.runsAs)
  if (!principal) return false
  const { metric, query, holds } = parseGuard(guard)
  const ctx = {
    principal,
    requestId: task.taskId,
    traceId: newTraceId(),
    now,
    signal: AbortSignal.timeout(queryMsMax),
  }
  const { data } = await acting.invoke('telemetry.query', ctx, query(now()))
  const value = data[0]?.[metric]
  return typeof value === 'number' && holds(value)
}

const queryMsMax = 10_000
