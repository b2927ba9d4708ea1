import type { Principal } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { Rated, RateStatus } from '../core/invoke.ts'
import { bearerOf, type Call, type HeaderSink } from './call.ts'
import { type Credential, keyCredential, ticketCredential } from './credential.ts'
import { rateHeaders } from './headers.ts'
import type { TransportDeps } from './ports.ts'

/**
 * Who calls, and may they call now: authenticates and spends from the rate limit, before anything of the request is
 * looked at. Calls without a valid key spend from their address.
 */
export async function admit(deps: TransportDeps, operation: Rated, call: Call, reply: HeaderSink): Promise<Principal> {
  return admitKnown(deps, operation, call, reply) ?? admitUnknown(deps, operation, call, reply)
}

/** The same in this very turn, for a key that was checked of late; undefined, and nothing spent, for any other. */
export function admitKnown(
  deps: TransportDeps,
  operation: Rated,
  call: Call,
  reply: HeaderSink,
): Principal | undefined {
  const token = bearerOf(call)
  const principal = token && deps.authenticateCached(token, call.ip, call.socket)
  if (!principal) return undefined
  spendOrRefuse(deps.gate.spend(principal, operation), reply, deps.now())
  return principal
}

async function admitUnknown(deps: TransportDeps, operation: Rated, call: Call, reply: HeaderSink): Promise<Principal> {
  const principal = await authenticated(deps, call, reply, identify(deps, call))
  spendOrRefuse(deps.gate.spend(principal, operation), reply, deps.now())
  return principal
}

/** Whose key a request carries; spends nothing. */
export async function identify(deps: TransportDeps, call: Call): Promise<Principal> {
  return keyCredential(deps, bearerOf(call), call).identify()
}

/** What a caller that can send no headers may present instead of them. */
export interface Presented {
  key?: string | undefined
  ticket?: string | undefined
}

/** The same as `admit` for a connection that stays: its credential tells later whether it still may. A key goes first. */
export async function admitConnection(
  deps: TransportDeps,
  rated: Rated,
  call: Call,
  { key, ticket }: Presented,
  reply: HeaderSink,
): Promise<{ principal: Principal; credential: Credential }> {
  const present = async () => {
    if (key === undefined && ticket !== undefined) {
      const principal = await deps.authenticateTicket(ticket, call.ip)
      return { principal, credential: ticketCredential(deps, principal, call) }
    }
    const credential = keyCredential(deps, key, call)
    return { principal: await credential.identify(), credential }
  }
  const admitted = await authenticated(deps, call, reply, present())
  spendOrRefuse(deps.gate.spend(admitted.principal, rated), reply, deps.now())
  return admitted
}

/** Who is refused spends from its address. */
async function authenticated<T>(deps: TransportDeps, call: Call, reply: HeaderSink, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    spendOrRefuse(deps.spendAddress(call.ip, 'other'), reply, deps.now())
    throw cause
  }
}

/** Shows how the limit stands on the answer, and refuses what exceeds it. */
export function spendOrRefuse(status: RateStatus, reply: HeaderSink, now: number): void {
  reply.headers(rateHeaders(status))
  if (!status.exceeded) return
  const retryAfterSeconds = Math.max(1, status.reset - Math.floor(now / 1000))
  const { bucket, limit, reserved } = status
  const issue = `at most ${limit} requests a minute`
  const details =
    reserved === 0
      ? { bucket, limit, issue }
      : { bucket, limit, reserved, issue: `${issue}, the last ${reserved} of them for what keeps or ends work in hand` }
  throw fail('RATE_LIMIT_EXCEEDED', details, { retryAfterSeconds })
}
