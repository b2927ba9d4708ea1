import { type RateBucket, rateBuckets, rateDefaults, reservedOf } from '@nexus/contract'
import { addressGroup } from '../core/cidr.ts'
import type { Clock } from '../core/clock.ts'
import type { Principal } from '../core/context.ts'
import type { Rated, RateStatus } from '../core/invoke.ts'
import type { SharedWindows } from './shared-windows.ts'
import { type Window, Windows } from './windows.ts'

export interface RateLimits {
  /** Spends one request of the key's bucket. One that yields, and is refused, spends nothing. Never throws. */
  spend(principal: Principal, rated: Rated): RateStatus
  /** Whether a call that has spent could have spent as one that yields: what such calls leave to others is not begun yet. */
  hasRoom(principal: Principal, bucket: RateBucket): boolean
  /** The same for a caller without a key, by address. */
  spendAddress(address: string, bucket: RateBucket): RateStatus
}

export interface RateLimitOptions {
  /** Requests a minute; `off` exceeds never, and all is always left. */
  limits: 'default' | 'off' | Partial<Record<RateBucket, number>>
  clock: Clock
  /** Windows kept for each bucket. */
  windowsMax?: number
  /** Where several nodes count together. */
  shared?: SharedWindows | undefined
}

interface Table {
  name: string
  windows: Windows
}

/**
 * Counts requests in fixed windows, in this process; nothing waits for other nodes, whose counts are heard of a little
 * later. A key's own limits win over the installation's.
 */
export function createRateLimits({ limits, clock, windowsMax = 100_000, shared }: RateLimitOptions): RateLimits {
  const limitOf: Readonly<Record<RateBucket, number>> =
    typeof limits === 'string' ? rateDefaults : { ...rateDefaults, ...limits }
  const enforced = limits !== 'off'
  const tables = (whose: string) =>
    Object.fromEntries(
      rateBuckets.map((bucket): [string, Table] => [
        bucket,
        { name: `${whose}:${bucket}`, windows: new Windows(windowsMax) },
      ]),
    ) as Record<RateBucket, Table>
  const limitFor = ({ rateLimits }: Principal, bucket: RateBucket) => rateLimits[bucket] ?? limitOf[bucket]
  const keys = tables('key')
  const addresses = tables('address')

  const allowedIn = (window: Window, limit: number, name: string, key: string) =>
    shared ? shared.allowance(window, limit, name, key) : limit

  const spend = ({ name, windows }: Table, key: string, limit: number, bucket: RateBucket, yields = false) => {
    const window = windows.at(key, clock.now())
    window.spent++
    const reserved = enforced && yields ? reservedOf(limit) : 0
    const allowed = allowedIn(window, limit - reserved, name, key)
    const status: RateStatus = {
      bucket,
      limit,
      reserved,
      // Who is not limited must not be told to stop.
      remaining: enforced ? Math.max(0, allowed - window.spent) : allowed,
      reset: Math.ceil(window.endsAt / 1000),
      exceeded: enforced && window.spent > allowed,
    }
    // However often it is tried, what is reserved stays.
    if (yields && window.spent > allowed) window.spent--
    return status
  }

  return {
    spend: (principal, { rate, yields }) => spend(keys[rate], principal.keyId, limitFor(principal, rate), rate, yields),
    hasRoom(principal, bucket) {
      const { name, windows } = keys[bucket]
      const window = windows.peek(principal.keyId, clock.now())
      if (!enforced || !window) return true
      const limit = limitFor(principal, bucket)
      return window.spent <= allowedIn(window, limit - reservedOf(limit), name, principal.keyId)
    },
    spendAddress: (address, bucket) => spend(addresses[bucket], addressGroup(address), limitOf[bucket], bucket),
  }
}
