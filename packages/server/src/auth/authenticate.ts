import type { KeyObject } from 'node:crypto'
import { type ApiKey, keyLength } from '@nexus/contract'
import type { Clock } from '../core/clock.ts'
import type { Principal } from '../core/context.ts'
import { type BadKeys, unauthorized } from './bad-keys.ts'
import { addressFilter } from './cidr.ts'
import type { Hasher } from './hasher.ts'
import { keyIdOf } from './key-format.ts'
import type { KeyRecord, KeyStore, SecretMark, TicketStore } from './ports.ts'
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
  /** Who a key stands for as it is now, for a caller that has shown it before. Errors: UNAUTHORIZED. */
  principalOf(keyId: string, address: string): Promise<Principal>
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
  const { store, tickets, clock, pepper, verified, uses, badKeys } = deps
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

  const present = async (keyId: string, address: string): Promise<Principal | undefined> => {
    const record = await store.find(keyId)
    if (!record || record.shown.revoked_at !== null) return undefined
    return admit(toVerified(record.shown, Number.POSITIVE_INFINITY), address)
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
      const taken = await tickets.write((tx) => tickets.take(tx, ticketDigest(ticket), clock.now()))
      const principal = taken && (await present(taken.keyId, address))
      if (!principal) throw badKeys.refuse(address)
      return principal
    },
    async principalOf(keyId, address) {
      const principal = await present(keyId, address)
      if (!principal) throw unauthorized()
      return principal
    },
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
    const mark = record && usableMark(record, digest, clock.now())
    if (!mark) return undefined
    if (!proven.has(mark.hash) && !(await hasher.matches(key, mark.hash))) return undefined
    proven.add(mark.hash)
    const found = toVerified(record.shown, mark.until)
    if (verified.keep(digest, found, moment)) return found
  }
}

function usableMark(record: KeyRecord, digest: string, now: number): (SecretMark & { until: number }) | undefined {
  if (!isUsable(record.shown, now)) return undefined
  if (tagMatches(record.current, digest)) return { ...record.current, until: Number.POSITIVE_INFINITY }
  const { previous } = record
  return previous && previous.until > now && tagMatches(previous, digest) ? previous : undefined
}

/** Neither revoked nor expired. */
export function isUsable(key: ApiKey, now: number): boolean {
  return key.revoked_at === null && (key.expires_at === null || Date.parse(key.expires_at) > now)
}

function toVerified(key: ApiKey, secretUntil: number): VerifiedKey {
  const expiresAt = key.expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at)
  return {
    principal: {
      keyId: key.key_id,
      scopes: key.scopes,
      deviceId: key.device_id,
      agentId: key.agent_id,
      rateLimits: key.rate_limits as Record<string, number>,
    },
    validUntil: Math.min(expiresAt, secretUntil),
    allows: addressFilter(key.allowed_cidrs),
  }
}
