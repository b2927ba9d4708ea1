import type { TaskGuard } from '@nexus/contract'
import { Failure } from '../core/failure.ts'
import { newTraceId } from '../core/ids.ts'
import { endError, keyRevoked, refusalError } from './end-error.ts'
import { parseGuard } from './guard.ts'
import type { GuardAnswer } from './guards.ts'
import type { Acting } from './ports.ts'
import type { TaskRecord } from './record.ts'

/**
 * Asks telemetry whether a guard holds now, with the rights of the task's key. Where there is no reading it does not; where the
 * key may not ask, or is no more, that is the answer. Rejects for what may be otherwise a moment later.
 */
export async function askGuard(
  { acting, now }: { acting: Acting; now(): number },
  { taskId, runsAs }: TaskRecord,
  guard: TaskGuard,
): Promise<GuardAnswer> {
  const principal = await acting.principal(runsAs)
  if (!principal) return { guard, runsAs, holds: false, error: endError('failed', keyRevoked) }
  const { metric, query, holds } = parseGuard(guard)
  const signal = AbortSignal.timeout(queryMsMax)
  const ctx = { principal, requestId: taskId, traceId: newTraceId(), now, signal }
  try {
    const { data } = await acting.invoke('telemetry.query', ctx, query(now()))
    const value = data[0]?.[metric]
    return { guard, runsAs, holds: typeof value === 'number' && holds(value), error: null }
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause
    const { isPassing, ...error } = refusalError(cause)
    if (isPassing) throw cause
    return { guard, runsAs, holds: false, error }
  }
}

const queryMsMax = 10_000
