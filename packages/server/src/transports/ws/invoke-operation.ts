import { errorTable, type Invoke, type Operation, operations } from '@nexus/contract'
import type { Principal } from '../../core/context.ts'
import { spendOrRefuse } from '../http/admit.ts'
import { httpCtx, requestIdOf } from '../http/call.ts'
import { toFailure } from '../http/error-answer.ts'
import type { HttpDeps } from '../http/ports.ts'

/** What `invoked` tells. */
export interface Invoked {
  operation: string
  output: unknown
  replayed: boolean
}

const noHeaders = { headers: () => {} }

/** Calls an operation as HTTP would: it spends from the same limit, and is counted with the status it would have there. */
export async function invokeOperation(
  deps: HttpDeps,
  principal: Principal,
  { operation: id, input = {}, idempotency_key, traceparent }: Invoke,
  signal: AbortSignal,
): Promise<Invoked> {
  const operation: Operation = operations[id]
  const begun = performance.now()
  let status: number = operation.status
  try {
    spendOrRefuse(deps.gate.spend(principal, operation.rate), noHeaders, deps.now())
    const headers = traceparent === undefined ? {} : { traceparent }
    const ctx = httpCtx(principal, { id: requestIdOf(undefined), headers }, { now: deps.now, signal })
    const options = idempotency_key === undefined ? {} : { idempotencyKey: idempotency_key }
    const { output, replayed } = await deps.gate.invoke(id, ctx, input, options)
    return { operation: id, output: output ?? null, replayed }
  } catch (cause) {
    const { http, code } = toFailure(cause)
    status = http ?? errorTable[code].http
    throw cause
  } finally {
    deps.observe(id, status, (performance.now() - begun) / 1000)
  }
}
