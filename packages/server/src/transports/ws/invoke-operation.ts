import { errorTable, type Invoke, type Operation, operations, successStatus } from '@nexus/contract'
import type { Principal } from '../../core/context.ts'
import { spendOrRefuse } from '../admit.ts'
import { callCtx, hungUp } from '../call.ts'
import { toFailure } from '../error-answer.ts'
import type { TransportDeps } from '../ports.ts'

/** What `invoked` tells. */
export interface Invoked {
  operation: string
  output: unknown
  replayed: boolean
}

export const noHeaders = { headers: () => {} }

/** Calls an operation as HTTP would: it spends from the same limit, and is counted with the status it would have there. */
export async function invokeOperation(
  deps: TransportDeps,
  principal: Principal,
  { operation: id, input = {}, idempotency_key, traceparent }: Invoke,
  { requestId, signal }: { requestId: string; signal: AbortSignal },
): Promise<Invoked> {
  const operation: Operation = operations[id]
  const begun = performance.now()
  let status: number = operation.status
  try {
    spendOrRefuse(deps.gate.spend(principal, operation), noHeaders, deps.now())
    const ctx = callCtx(principal, requestId, traceparent, { now: deps.now, signal })
    const options = idempotency_key === undefined ? {} : { idempotencyKey: idempotency_key }
    const { output, replayed } = await deps.gate.invoke(id, ctx, input, options)
    status = successStatus(operation, output)
    return { operation: id, output: output ?? null, replayed }
  } catch (cause) {
    const { http, code, details } = toFailure(cause)
    status = details.reason === 'caller_gone' ? hungUp : (http ?? errorTable[code].http)
    throw cause
  } finally {
    deps.observe(id, status, (performance.now() - begun) / 1000)
  }
}
