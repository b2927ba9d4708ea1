import type { KeyObject } from 'node:crypto'
import { type ApiKey, keyLength } from '@nexus/contract'
import { addressFilter } from '../core/cidr.ts'
import type { Clock } from '../core/clock.ts'
import type { Principal } from '../core/context.ts'
import { type BadKeys, unauthorized } from './bad-keys.ts'
import type { Hasher } from './hasher.ts'
import { keyIdOf } from './key-format.ts'
import type { KeyRecord, KeyStore, SecretMark, TicketRecord, TicketStore } from './ports.ts'
import { digestOf, tagMatches } from './secret-mark.ts'
import { isTicket, ticketDigest } from './tickets.ts'
import type { Uses } from './uses.ts'
import type { VerifiedKey, VerifiedKeys } from './verified-keys.ts'

export interface Authenticator {
  /**
   * Whose key this is. Errors: UNAUTHORIZED, the same for a key that is malformed, unknown, expired, revoked or used from
   * an address that it doesn't allow; RATE_LIMIT_EXCEEDED for bad keys after ten of them a minute from one address, never
   * for good ones; SERVICE_UNAVAILABLE when too many keys wait for their first check.
   */
  authenticate(key: string, address: string): Promise<Principal>
  /**
   * The same at once, for a key that was checked of late; undefined: ask `authenticate`. With an object that lives as long
   * as the connection does, the digest of the key that it sends again and again is made but once.
   */
  authenticateCached(key: string, address: string, connection?: object): Principal | undefined
  /** Whose ticket this is; it is used up by it. Errors: as `authenticate`. */
  authenticateTicket(ticket: string, address: string): Promise<Principal>
  /** What a caller is now that was admitted before, with the same secret of its key. Errors: UNAUTHORIZED. */
  admitAgain(principal: Principal, address: string): Promise<Principal>
  /** Whose rights a key has now, for what Nexus does in its name; undefined: it was revoked, or has expired. */
  principal(keyId: string): Promise<Principal | undefined>
}

export interface AuthenticatorDeps {
  store: KeyStore
  tickets: TicketStore
  clock: Clock
  pepper: KeyObject
  hasher: Hasher
  badKeys: BadKeys
  verified: VerifiedKeys
  uses: Uses
}

export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { tickets, clock, pepper, verified, uses, badKeys } = deps
  const checks = new Map<string, Promise<VerifiedKey | undefined>>()
  const connections = new WeakMap<object, { key: string; digest: string }>()

  const admit = (found: VerifiedKey | undefined, address: string): Principal | undefined => {
    const now = clock.now()
    if (!found || found.validUntil <= now || !found.allows(address)) return undefined
    uses.note(found.principal.keyId, now)
    return found.principal
  }

  const checked = (keyId: string, key: string, digest: string): Promise<VerifiedKey | undefined> => {
    const running = checks.get(digest)
    if (running) return running
    const check = verify(deps, keyId, key, digest).finally(() => checks.delete(digest))
    checks.set(digest, check)
    return check
  }

  const remembered = async ({ keyId, secretTag }: TicketRecord, address: string): Promise<Principal | undefined> => {
    const name = `${keyId} ${secretTag}`
    return admit(verified.get(name) ?? (await reload(deps, keyId, secretTag, name)), address)
  }

  return {
    async authenticate(key, address) {
      const keyId = keyIdOf(key)
      if (keyId === undefined) throw unauthorized()
      const digest = digestOf(pepper, key)
      const principal = admit(verified.get(digest) ?? (await checked(keyId, key, digest)), address)
      if (!principal) throw badKeys.refuse(address)
      return principal
    },
    authenticateCached(key, address, connection) {
      if (key.length !== keyLength) return undefined
      const sent = connection && connections.get(connection)
      if (sent?.key === key) return admit(verified.get(sent.digest), address)
      const digest = digestOf(pepper, key)
      if (connection) connections.set(connection, { key, digest })
      return admit(verified.get(digest), address)
    },
    async authenticateTicket(ticket, address) {
      if (!isTicket(ticket)) throw unauthorized()
      const digest = ticketDigest(ticket)
      // Guesses are many, and a transaction keeps others waiting.
      const taken = (await tickets.has(digest))
        ? await tickets.write((tx) => tickets.take(tx, digest, clock.now()))
        : undefined
      const principal = taken && (await remembered(taken, address))
      if (!principal) throw badKeys.refuse(address)
      return principal
    },
    async admitAgain(principal, address) {
      const again = await remembered(principal, address)
      if (!again) throw unauthorized()
      return again
    },
    async principal(keyId) {
      const record = await deps.store.find(keyId)
      const mark = record && usableMark(record, (one) => one === record.current, clock.now())
      return mark && toVerified(record.shown, mark).principal
    },
  }
}

/** A key whose secret was shown before, as it is now; remembered like one that was checked. */
async function reload(
  { store, clock, verified }: AuthenticatorDeps,
  keyId: string,
  secretTag: string,
  name: string,
): Promise<VerifiedKey | undefined> {
  for (;;) {
    const moment = verified.moment
    const record = await store.find(keyId)
    const mark = record && usableMark(record, (one) => one.tag === secretTag, clock.now())
    if (!mark) return undefined
    const found = toVerified(record.shown, mark)
    if (verified.keep(name, found, moment)) return found
  }
}

/** Checks a secret against the kept record, and remembers it unless keys changed meanwhile: then it looks again. */
async function verify(
  { store, clock, hasher, verified }: AuthenticatorDeps,
  keyId: string,
  key: string,
  digest: string,
): Promise<VerifiedKey | undefined> {
  const proven = new Set<string>()
  for (;;) {
    const moment = verified.moment
    const record = await store.find(keyId)
    const mark = record && usableMark(record, (one) => tagMatches(one, digest), clock.now())
    if (!mark) return undefined
    if (!proven.has(mark.hash) && !(await hasher.matches(key, mark.hash))) return undefined
    proven.add(mark.hash)
    const found = toVerified(record.shown, mark)
    if (verified.keep(digest, found, moment)) return found
  }
}

type UsableMark = SecretMark & { until: number }

function usableMark(
  { shown, current, previous }: KeyRecord,
  isMeant: (mark: SecretMark) => boolean,
  now: number,
): UsableMark | undefined {
  if (!isUsable(shown, now)) return undefined
  if (isMeant(current)) return { ...current, until: Number.POSITIVE_INFINITY }
  return previous && previous.until > now && isMeant(previous) ? previous : undefined
}

/** Neither revoked nor expired. */
export function isUsable(key: ApiKey, now: number): boolean {
  return key.revoked_at === null && (key.expires_at === null || Date.parse(key.expires_at) > now)
}

function toVerified(key: ApiKey, { tag, until }: UsableMark): VerifiedKey {
  const expiresAt = key.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at)
  return {
    principal: {
      keyId: key.key_id,
      scopes: key.scopes,
      deviceId: key.device_id,
      agentId: key.agent_id,
      rateLimits: key.rate_limits as Record<string, number>,
      secretTag: tag,
    },
    validUntil: Math.min(expiresAt, until),
    allows: addressFilter(key.allowed_cidrs),
  }
}
