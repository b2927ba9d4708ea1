import type { DeviceStatus } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { inParts } from '../core/in-parts.ts'
import type { DeviceStore } from './ports.ts'
import type { Presence } from './presence.ts'

const foundAtOnce = 1000

/**
 * How devices stand that are known: those that memory knows to be online are, written down or not. Without `tx`: as
 * committed.
 */
export async function standingOf(
  store: Pick<DeviceStore, 'find'>,
  presence: Pick<Presence, 'isOnline'>,
  deviceIds: readonly string[],
  tx?: Tx,
): Promise<Map<string, DeviceStatus>> {
  const standing = new Map<string, DeviceStatus>()
  const unknown: string[] = []
  for (const id of deviceIds) {
    if (presence.isOnline(id)) standing.set(id, 'online')
    else unknown.push(id)
  }
  for (const part of inParts(unknown, foundAtOnce))
    for (const { deviceId, status, deletedAt } of await store.find(part, tx))
      if (deletedAt === null) standing.set(deviceId, status)
  return standing
}
