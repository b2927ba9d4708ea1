import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { invalid } from '../core/failure.ts'
import { decodeCursor, page } from '../core/paging.ts'
import { parseTagFilter, type TagCondition } from '../core/tag-filter.ts'
import type { DeviceDeps } from './deps.ts'
import { shownDevice } from './shown-device.ts'

const limitDefault = 50

/**
 * In the order of their ids. Tags and service are asked of the effective tags. While more than 1,000 devices have yet to be
 * written, their news may be missing.
 */
export async function listDevices(
  deps: DeviceDeps,
  ctx: Ctx,
  { status, tags, service, cursor, limit = limitDefault }: Input<'devices.list'>,
): Promise<Output<'devices.list'>> {
  const conditions = tags === undefined ? [] : parseTagFilter(tags)
  if (service !== undefined) conditions.push(isService(service))
  const after = cursor === undefined ? undefined : position(cursor)
  await deps.catchUp(ctx.signal)
  const found = await deps.store.list({ status, conditions, after, limit: limit + 1 })
  const { rows, next } = page(found, limit, ({ deviceId }) => [deviceId])
  return { devices: rows.map((row) => shownDevice(row, deps.presence.lastSeenAt(row.deviceId))), next_cursor: next }
}

function isService(value: string): TagCondition {
  return { key: 'service', negated: false, patterns: [{ kind: 'equals', value }] }
}

function position(cursor: string): string {
  const [deviceId] = decodeCursor(cursor, ['string']) as [string]
  // No id has one, and PostgreSQL can't even be asked for it.
  if (deviceId.includes('\0')) throw invalid('cursor', 'is not a cursor that this operation gave out')
  return deviceId
}
