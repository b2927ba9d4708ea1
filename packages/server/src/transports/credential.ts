import type { Principal } from '../core/context.ts'
import { type Failure, fail } from '../core/failure.ts'
import type { Call } from './call.ts'
import type { TransportDeps } from './ports.ts'

/** What a caller has shown for who it is, to be looked at again for as long as its connection lasts. */
export interface Credential {
  /** The same for all connections of a key from an address. */
  readonly name: string
  /** Whom it stands for now. Errors: as `authenticate` in the room of keys. */
  identify(): Principal | Promise<Principal>
}

type Deps = Pick<TransportDeps, 'authenticate' | 'authenticateCached' | 'admitAgain'>

/** Errors: UNAUTHORIZED where no key is given. */
export function keyCredential(deps: Deps, key: string | undefined, { ip }: Pick<Call, 'ip'>): Credential {
  if (key === undefined) throw noKey()
  // It stands for the connections that share it.
  const credential: Credential = {
    name: `${ip} ${key}`,
    identify: () => deps.authenticateCached(key, ip, credential) ?? deps.authenticate(key, ip),
  }
  return credential
}

/** What a ticket has left behind: whom it stood for, and the secret with which it was made. */
export function ticketCredential(deps: Deps, principal: Principal, { ip }: Pick<Call, 'ip'>): Credential {
  const { keyId, secretTag } = principal
  return { name: `${ip} ${keyId} ${secretTag}`, identify: () => deps.admitAgain(principal, ip) }
}

function noKey(): Failure {
  return fail('UNAUTHORIZED', { field: 'Authorization', issue: 'expected Bearer and an API key' })
}
