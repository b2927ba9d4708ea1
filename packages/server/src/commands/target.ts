import type { CommandTarget, DeviceStatus } from '@nexus/contract'
import { commandLimits } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { holds, type Principal } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import type { TagCondition } from '../core/tag-filter.ts'
import { textFault } from '../core/value.ts'
import type { CommandDeps } from './deps.ts'

/** The devices of a target as they stand; undefined: never seen. */
export type Targets = ReadonlyMap<string, DeviceStatus | undefined>

/**
 * The devices that a command is for; `only`: the ones of them that are meant now. Devices that are named need not be known yet.
 * Errors: INVALID_REQUEST (no target, or two ways at once), NOT_FOUND (a selector that no device meets), FORBIDDEN (`all`
 * without an admin key; another device than the key's own), VALIDATION_ERROR (more devices than one command may have).
 */
export async function resolveTarget(
  { devices }: Pick<CommandDeps, 'devices'>,
  ctx: Ctx,
  target: CommandTarget,
  only?: readonly string[],
): Promise<Targets> {
  checkTarget(ctx.principal, target)
  const named = only ?? namedIn(target)
  const ids = named ?? (await devices.select(conditionsOf(target), commandLimits.targetsMax + 1, ctx.signal))
  if (ids.length === 0)
    throw fail('NOT_FOUND', { reason: 'no_device_matches', field: 'target', issue: 'no device meets it' })
  if (ids.length > commandLimits.targetsMax)
    throw invalid('target', `selects more than ${commandLimits.targetsMax} devices: narrow it`, 'VALIDATION_ERROR')
  const standing = await devices.standing(ids)
  return new Map(ids.map((id) => [id, standing.get(id)]))
}

/** What is wrong with a target whatever devices there are. Errors: INVALID_REQUEST, FORBIDDEN. */
export function checkTarget(principal: Principal, target: CommandTarget, field = 'target'): void {
  assertOneWay(target, field)
  assertPermitted(principal, target, namedIn(target), field)
}

function namedIn({ device_id, device_ids }: CommandTarget): readonly string[] | undefined {
  return device_ids ?? (device_id === undefined ? undefined : [device_id])
}

function assertOneWay({ device_id, device_ids, service, tags, all }: CommandTarget, field: string): void {
  const ways = [device_id, device_ids, tags, all].filter((way) => way !== undefined).length
  if (ways > 1 || (all !== undefined && service !== undefined))
    throw invalid(field, 'names devices in two ways: expected one of device_id, device_ids, service and tags, all')
  if (ways === 0 && service === undefined)
    throw invalid(field, 'names no device: expected device_id, device_ids, service, tags or all')
  const texts = [device_id, ...(device_ids ?? []), service, ...Object.entries(tags ?? {}).flat()]
  const bad = texts.map((text) => text && textFault(field, text)).find(Boolean)
  if (bad) throw invalid(bad.field, bad.issue)
}

function assertPermitted(
  principal: Principal,
  { all }: CommandTarget,
  named: readonly string[] | undefined,
  field: string,
): void {
  if (all && !holds(principal, 'admin'))
    throw fail('FORBIDDEN', { field: `${field}.all`, required_scope: 'admin', issue: 'needs the scope admin' })
  const { deviceId } = principal
  if (deviceId !== null && !named?.every((id) => id === deviceId))
    throw fail('FORBIDDEN', { field, issue: `the key is bound to the device ${deviceId}` })
}

function conditionsOf({ service, tags = {} }: CommandTarget): TagCondition[] {
  const wanted = service === undefined ? tags : { ...tags, service }
  return Object.entries(wanted).map(([key, value]) => ({ key, negated: false, patterns: [{ kind: 'equals', value }] }))
}
