import type { Input, Output } from '@nexus/contract'
import { type Ctx, deviceFault } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { WorkItem } from '../work/index.ts'
import { type CommandDeps, speaksFor } from './deps.ts'
import { ordersOf } from './orders.ts'
import { resync } from './resync.ts'

/** The long poll of a device. Errors: FORBIDDEN (the key is not the device's). */
export async function leaseExecutions(
  deps: CommandDeps,
  ctx: Ctx,
  { device_id, max = 1, wait_seconds = 0, have }: Input<'commands.lease'>,
): Promise<Output<'commands.lease'>> {
  assertSpeaksFor(ctx, device_id)
  const polled = deps.devices.poll(device_id, ctx.givenTraceId)
  try {
    const again = have
      ? (await resync(deps, device_id, have, deps.receivers.elsewhere(device_id))).again.slice(0, max)
      : []
    const items = again.length > 0 ? again : await taken(deps, ctx, { deviceId: device_id, max, wait_seconds })
    return items.length === 0 ? null : { executions: await ordersOf(deps, items) }
  } finally {
    polled(ctx.signal.aborted ? 'closed' : 'answered')
  }
}

/** Errors: FORBIDDEN. */
export function assertSpeaksFor({ principal }: Pick<Ctx, 'principal'>, deviceId: string): void {
  if (speaksFor(principal, deviceId)) return
  const bad = deviceFault(principal, deviceId) ?? {
    field: 'device_id',
    issue: 'needs a key that is bound to the device, or an admin key',
  }
  throw fail('FORBIDDEN', { ...bad, errors: [bad] })
}

async function taken(
  { work, store }: CommandDeps,
  { signal }: Ctx,
  { deviceId, max, wait_seconds }: { deviceId: string; max: number; wait_seconds: number },
): Promise<WorkItem[]> {
  const wanted = { queues: [{ kind: 'command', queue: deviceId } as const], worker: deviceId, max }
  if (wait_seconds === 0) return store.write((tx) => work.claim(tx, wanted))
  return work.lease(wanted, AbortSignal.any([signal, AbortSignal.timeout(wait_seconds * 1000)]))
}
