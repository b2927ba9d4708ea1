import { isIP } from 'node:net'
import { addressFilter } from '../core/cidr.ts'
import { invalid } from '../core/failure.ts'
import { isPublicAddress, settledAddress } from './address-rules.ts'
import { isLoopbackName, type Resolver } from './resolver.ts'
import { readTarget, type Target } from './target.ts'

/** Why nothing is sent to an address, now. */
export class TargetRefused extends Error {
  readonly reason: 'address_refused' | 'no_public_address'

  constructor(reason: TargetRefused['reason']) {
    super(reason)
    this.name = 'TargetRefused'
    this.reason = reason
  }
}

export interface Guard {
  /**
   * Whether something may be sent there, as far as the text tells: no name is looked up, or the answer would say which names
   * there are in this network. Errors: VALIDATION_ERROR with the field.
   */
  check(text: string, field: string): Promise<void>
  /**
   * The target with all of its addresses, each of which may be connected to. Errors: TargetRefused, with one reason for a name
   * that leads nowhere and one that leads into this network.
   */
  admit(text: string): Promise<Target & { addresses: string[] }>
}

/** What the URL standard drops or rewrites in silence: such an address is not the one that is sent to. */
const blank = /[\s\p{Cc}]/u
const blankIssue = 'must hold no blanks, line breaks or control characters: write a blank as %20'

export interface GuardOptions {
  resolve: Resolver
  /** Where the operator permits private addresses, plain http and any port. */
  allowCidrs: readonly string[]
}

/**
 * Keeps messages away from what only this machine or its network can reach. A name is refused if any of its addresses is,
 * so that it makes no difference which one a connection would take.
 */
export function createGuard({ resolve, allowCidrs }: GuardOptions): Guard {
  const isAllowed = allowCidrs.length === 0 ? () => false : addressFilter(allowCidrs)
  const permitted = ({ isUsual }: Target, address: string) =>
    isAllowed(settledAddress(address)) || (isUsual && isPublicAddress(address))
  const addressesOf = async ({ host }: Target) => (isIP(host) === 0 ? await resolve(host) : [host])

  return {
    async check(text, field) {
      const target = readTarget(text)
      if (typeof target === 'string') throw invalid(field, target, 'VALIDATION_ERROR')
      if (blank.test(text)) throw invalid(field, blankIssue, 'VALIDATION_ERROR')
      if (!target.isUsual && allowCidrs.length === 0) throw invalid(field, unusualIssue(target), 'VALIDATION_ERROR')
      const { host } = target
      const isSettled = isIP(host) !== 0 || isLoopbackName(host)
      const addresses = isSettled ? await addressesOf(target) : []
      if (addresses.every((address) => permitted(target, address))) return
      const issue = addresses.every(isPublicAddress) ? unusualIssue(target) : 'must lead to a public address'
      throw invalid(field, issue, 'VALIDATION_ERROR')
    },

    async admit(text) {
      const target = readTarget(text)
      if (typeof target === 'string') throw new TargetRefused('address_refused')
      const addresses = await addressesOf(target)
      if (addresses.length > 0 && addresses.every((address) => permitted(target, address)))
        return { ...target, addresses }
      const isPublic = addresses.length > 0 && addresses.every(isPublicAddress)
      throw new TargetRefused(isPublic || isIP(target.host) !== 0 ? 'address_refused' : 'no_public_address')
    },
  }
}

function unusualIssue({ isPlain }: Target): string {
  return isPlain ? 'must begin with https://' : 'must use port 443, the one of https'
}
