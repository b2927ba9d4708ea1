import { type RateBucket, rateBuckets, rateDefaults } from '@nexus/contract'
import { addressGroup } from '../core/cidr.ts'
import type { Clock } from '../core/clock.ts'
import type { Principal } from '../core/context.ts'
import type { RateStatus } from '../core/invoke.ts'
import type { SharedWindows } from './shared-windows.ts'
import { Windows } from './windows.ts'

export interface RateLimits {
  /** Spends one request of the key's bucket. Never throws. */
  spend(principal: Principal, bucket: RateBucket): RateStatus
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
  const keys = tables('key')
  const addresses = tables('address')

  const spend = ({ name, windows }: Table, key: string, limit: number): RateStatus => {
    const window = windows.at(key, clock.now())
    window.spent++
    const allowed = shared ? shared.allowance(window, limit, name, key) : limit
    return {
      limit,
      // Who is not limited must not be told to stop.
      remaining: enforced ? Math.max(0, allowed - window.spent) : allowed,
      reset: Math.ceil(window.endsAt / 1000),
      exceeded: enforced && window.spent > allowed,
    }
  }

  return {
    spend: (principal, bucket) => spend(keys[bucket], principal.keyId, principal.rateLimits[bucket] ?? limitOf[bucket]),
    spendAddress: (address, bucket) => spend(addresses[bucket], addressGroup(address), limitOf[bucket]),
  }
}
