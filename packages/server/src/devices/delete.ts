import type { Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { type DeviceDeps, lockedDevice } from './deps.ts'
import { newRecord } from './settle.ts'

/**
 * Forgets a device and all that was set of it; its telemetry stays. That it was deleted is remembered, so that what
 * telemetry remembers doesn't bring it back; its next frame or connection, or a PUT, does. Errors: NOT_FOUND.
 */
export async function deleteDevice(deps: DeviceDeps, ctx: WriteCtx, input: Input<'devices.delete'>): Promise<null> {
  const { device_id } = input
  const { registeredAt } = await lockedDevice(deps, ctx.tx, device_id)
  const record = { ...newRecord(device_id, registeredAt), deletedAt: ctx.now() }
  await deps.store.save(ctx.tx, [{ record, tags: {} }])
  deps.store.afterCommit(ctx.tx, () => deps.presence.forget(device_id))
  return null
}
