import { createSecretKey } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import { type AdminKey, type AdminKeyOptions, ensureAdminKey } from './admin-key.ts'
import { type Authenticator, createAuthenticator } from './authenticate.ts'
import { createBadKeys } from './bad-keys.ts'
import { type AuthHandlers, authHandlers } from './handlers.ts'
import { createHasher, type Hasher } from './hasher.ts'
import type { KeyStore, Log, TicketStore } from './ports.ts'
import { Uses } from './uses.ts'
import { VerifiedKeys } from './verified-keys.ts'

export type { AdminKey, AdminKeyOptions } from './admin-key.ts'
export { createHasher, type Hasher } from './hasher.ts'
export { createIdempotency } from './idempotency.ts'
export { newKey } from './key-format.ts'
export type {
  IdempotencyStore,
  KeyRecord,
  KeyStore,
  Log,
  SecretMark,
  SharedCounts,
  StoredCall,
  TicketRecord,
  TicketStore,
  WindowPart,
} from './ports.ts'
export { createRateLimits, type RateLimitOptions, type RateLimits } from './rate-limits.ts'
export { createSharedWindows, type SharedWindows } from './shared-windows.ts'

export interface AuthDeps {
  store: KeyStore
  tickets: TicketStore
  clock: Clock
  /** Keys the digests under which keys are recognised; the same at each start. */
  pepper: Uint8Array
  log: Log
  /** Default: bcrypt at cost 10. */
  hasher?: Hasher
  /** Tells the other nodes to `forget` a key that has changed. */
  announce?(keyId: string): void
}

export interface Auth extends Authenticator, Loop {
  handlers: AuthHandlers
  ensureAdminKey(options: AdminKeyOptions): Promise<AdminKey>
  /** Looks at a key afresh from now on: another node has changed it. */
  forget(keyId: string): void
  /** Writes down when keys were last used; the loop does so each minute, and `stop` once more. */
  flush(): Promise<void>
}

const flushMs = 60_000

/** API keys: who calls, and the operations on keys. */
export function createAuth(deps: AuthDeps): Auth {
  const { store, tickets, clock, log, hasher = createHasher() } = deps
  const pepper = createSecretKey(deps.pepper)
  const verified = new VerifiedKeys(clock)
  const uses = new Uses(store)
  const forget = (keyId: string) => verified.forget(keyId)
  const keyDeps = {
    store,
    clock,
    pepper,
    hasher,
    forget: (keyId: string) => {
      forget(keyId)
      deps.announce?.(keyId)
    },
  }
  const flush = () => uses.flush()
  const loop = createLoop({
    restMs: flushMs,
    async run() {
      await flush()
      await tickets.sweep(clock.now())
    },
    onError: (err) =>
      log.error({ err }, 'Uses of keys could not be written down, or tickets not removed; trying later'),
  })
  return {
    ...createAuthenticator({ store, tickets, clock, pepper, hasher, verified, uses, badKeys: createBadKeys(clock) }),
    handlers: authHandlers(keyDeps, tickets),
    ensureAdminKey: (options) => ensureAdminKey(keyDeps, options),
    forget,
    flush,
    start: loop.start,
    async stop() {
      await loop.stop()
      await flush()
    },
  }
}
