import { isCidr } from '../core/cidr.ts'
import type { Described, Key, Reading } from './key-kinds.ts'

const blocksMax = 256

/** A comma list of addresses and CIDR blocks, in YAML also a list. */
export function cidrList(options: Described): Key<readonly string[] | undefined> {
  const read = (raw: unknown): Reading<readonly string[]> => {
    const parts = typeof raw === 'string' ? raw.split(',').map((part) => part.trim()) : raw
    if (!Array.isArray(parts)) return { issue: 'must be a list of addresses and CIDR blocks' }
    if (parts.length > blocksMax) return { issue: `must have at most ${blocksMax} entries` }
    const wrong = parts.find((part) => typeof part !== 'string' || !isCidr(part))
    if (wrong === undefined) return { value: parts }
    return { issue: `has '${wrong}' in it, which is neither an address nor a CIDR block, such as 10.0.0.0/8` }
  }
  return { unit: 'CIDR blocks', secret: false, default: undefined, ...options, read }
}
