import type { ApiKey, Input } from '@nexus/contract'
import { isCidr } from '../core/cidr.ts'
import { toIso } from '../core/clock.ts'
import { fail } from '../core/failure.ts'

type Settings = Partial<
  Pick<ApiKey, 'name' | 'scopes' | 'expires_at' | 'device_id' | 'agent_id' | 'allowed_cidrs' | 'rate_limits'>
>

/** What a client asks of a key, put in order: scopes once each, the expiry in UTC. Errors: VALIDATION_ERROR. */
export function checkedSettings(
  input: Omit<Input<'auth.keys.create'>, 'name' | 'scopes'> & Settings,
  now: number,
): Settings {
  const errors: { field: string; issue: string }[] = []
  const { expires_at, device_id, agent_id, allowed_cidrs } = input
  // Written so that an instant which JavaScript can't read (a leap second) is refused too.
  if (typeof expires_at === 'string' && !(Date.parse(expires_at) > now)) {
    errors.push({ field: 'expires_at', issue: 'must be an instant in the future' })
  }
  for (const [i, cidr] of (allowed_cidrs ?? []).entries()) {
    if (!isCidr(cidr)) errors.push({ field: `allowed_cidrs.${i}`, issue: 'must be an IP address or a CIDR block' })
  }
  if (device_id && agent_id)
    errors.push({ field: 'agent_id', issue: 'a key is bound to a device or to an agent, not both' })
  const [first] = errors
  if (first) throw fail('VALIDATION_ERROR', { ...first, errors })

  const settings: Settings = { ...input }
  if (input.scopes) settings.scopes = [...new Set(input.scopes)]
  if (typeof expires_at === 'string') settings.expires_at = toIso(Date.parse(expires_at))
  return settings
}
