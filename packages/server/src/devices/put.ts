import type { Device, Input } from '@nexus/contract'
import type { WriteCtx } from '../core/context.ts'
import { type DeviceDeps, findDevice } from './deps.ts'
import { publishNews } from './news.ts'
import { withSettings } from './settings.ts'
import { changeOf, newRecord } from './settle.ts'
import { shownDevice } from './shown-device.ts'

/**
 * Registers a device, or replaces all that a client may set of one. Whether it is online, its frames' tags and when it was
 * registered stay. Errors: INVALID_REQUEST (a limit, named).
 */
export async function putDevice(deps: DeviceDeps, ctx: WriteCtx, input: Input<'devices.put'>): Promise<Device> {
  const { device_id, name = null, tags = {}, metadata = {} } = input
  const { store, events, presence } = deps
  await store.lock(ctx.tx)
  const before = await findDevice(deps, device_id, ctx.tx)
  const after = withSettings(before ?? newRecord(device_id, ctx.now()), { name, tags, metadata })
  await store.save(ctx.tx, [changeOf(before, after)])
  if (!before) {
    await publishNews(events, ctx, { after, news: ['device.registered'] })
    store.afterCommit(ctx.tx, () => {
      // It was deleted while it was connected.
      if (presence.isAttached(device_id)) presence.touch(device_id, ctx.traceId)
    })
  }
  return shownDevice(after, presence.lastSeenAt(device_id))
}
