import { type Ctx, deviceFault, type Tx } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { textFault } from '../core/value.ts'
import type { Events } from '../events/index.ts'
import type { DeviceRecord, DeviceStore } from './ports.ts'
import type { Presence } from './presence.ts'

export interface DeviceDeps {
  store: DeviceStore
  events: Pick<Events, 'publish'>
  presence: Presence
  /** Writes down what memory knows of a device, so that who sent a frame and then asks sees it. */
  flush(deviceId: string): Promise<void>
  /**
   * Waits for what memory knows of all devices to be written; not if that is more than 1,000 of them or can't be written, which
   * the loop goes on with and tells of. Rejects with the signal's reason.
   */
  catchUp(signal: AbortSignal): Promise<void>
}

/**
 * What goes before a change. Errors: FORBIDDEN (the key is bound to another device), INVALID_REQUEST (an id that is no text).
 */
export async function prepareChange(deps: DeviceDeps, ctx: Ctx, { device_id }: { device_id: string }): Promise<void> {
  const bad = deviceFault(ctx.principal, device_id)
  if (bad) throw fail('FORBIDDEN', { ...bad, errors: [bad] })
  const broken = textFault('device_id', device_id)
  if (broken) throw invalid(broken.field, broken.issue)
  await deps.flush(device_id)
}

/** Without `tx`, as committed; undefined: it is not there, or was deleted. */
export async function findDevice({ store }: DeviceDeps, deviceId: string, tx?: Tx): Promise<DeviceRecord | undefined> {
  const [found] = await store.find([deviceId], tx)
  return found?.deletedAt === null ? found : undefined
}

/** A device that is about to change: nobody else changes one until the transaction ends. Errors: NOT_FOUND. */
export async function lockedDevice(deps: DeviceDeps, tx: Tx, deviceId: string): Promise<DeviceRecord> {
  await deps.store.lock(tx)
  return foundDevice(deps, deviceId, tx)
}

/** Errors: NOT_FOUND. */
export async function foundDevice(deps: DeviceDeps, deviceId: string, tx?: Tx): Promise<DeviceRecord> {
  const device = await findDevice(deps, deviceId, tx)
  if (!device) throw fail('NOT_FOUND', { reason: 'no_such_device', device_id: deviceId })
  return device
}
