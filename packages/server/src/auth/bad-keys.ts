import { addressGroup } from '../core/cidr.ts'
import type { Clock } from '../core/clock.ts'
import { type Failure, fail } from '../core/failure.ts'
import { Windows } from './windows.ts'

export interface BadKeys {
  /** Counts a bad key against the address, and gives the refusal to throw. */
  refuse(address: string): Failure
}

const badKeysMax = 10
const addressesMax = 10_000

/** After ten bad keys a minute from one address (IPv6: one /64), the next are refused as too many. Never turned off. */
export function createBadKeys(clock: Clock): BadKeys {
  const windows = new Windows(addressesMax)
  return {
    refuse(address) {
      const now = clock.now()
      const window = windows.at(addressGroup(address), now)
      window.spent++
      if (window.spent <= badKeysMax) return unauthorized()
      const retryAfterSeconds = Math.ceil((window.endsAt - now) / 1000)
      return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_bad_keys' }, { retryAfterSeconds })
    },
  }
}

/** One answer for all that is wrong with a key, so that it tells nothing. */
export function unauthorized(): Failure {
  return fail('UNAUTHORIZED', { reason: 'invalid_key' })
}
