import type { Input, Output } from '@nexus/contract'
import { type Ctx, deviceFault } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { WorkItem } from '../work/index.ts'
import { leaseMarkOf } from './acks-first.ts'
import { type CommandDeps, speaksFor } from './deps.ts'
import { ordersOf } from './orders.ts'
import { type Resynced, resync } from './resync.ts'

/** The long poll of a device. Errors: FORBIDDEN (the key is not the device's). */
export async function leaseExecutions(
  deps: CommandDeps,
  ctx: Ctx,
  { device_id, max = 1, wait_seconds = 0, have, acks_first }: Input<'commands.lease'>,
): Promise<Output<'commands.lease'>> {
  assertSpeaksFor(ctx, device_id)
  const polled = deps.devices.poll(device_id, ctx.givenTraceId)
  try {
    const wanted = { deviceId: device_id, max, acksFirst: acks_first }
    const { again, taken } = have ? await resynced(deps, wanted, have) : { again: [], taken: [] }
    if (again.length + taken.length > 0) return await answerOf(deps, ctx, again, taken)
    return await answerOf(deps, ctx, [], await waitedFor(deps, ctx, wanted, wait_seconds))
  } finally {
    polled(ctx.signal.aborted ? 'closed' : 'answered')
  }
}

interface Wanted {
  deviceId: string
  max: number
  acksFirst: boolean | undefined
}

async function resynced(
  deps: CommandDeps,
  { deviceId, max, acksFirst }: Wanted,
  have: readonly string[],
): Promise<Pick<Resynced, 'again' | 'taken'>> {
  const elsewhere = deps.receivers.elsewhere(deviceId)
  const room = ({ again }: Pick<Resynced, 'again'>) => max - again.length
  const { again, taken } = await resync(deps, { deviceId, have, elsewhere, acksFirst, room })
  return { again: again.slice(0, max), taken }
}

/** What was taken for a device that does not wait any more goes to the next that asks, and was no attempt. */
async function answerOf(
  deps: CommandDeps,
  { signal }: Ctx,
  again: readonly WorkItem[],
  taken: readonly WorkItem[],
): Promise<Output<'commands.lease'>> {
  let isAnswered = false
  try {
    const executions = await ordersOf(deps, [...again, ...taken])
    isAnswered = !signal.aborted
    return isAnswered && executions.length > 0 ? { executions } : null
  } finally {
    const unheard = taken.map(({ id, leaseToken }) => ({ id, leaseToken: leaseToken!, kind: 'unheard' as const }))
    if (!isAnswered && unheard.length > 0) await deps.store.write((tx) => deps.work.report(tx, unheard))
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

async function waitedFor(
  { work, store }: CommandDeps,
  { signal }: Ctx,
  { deviceId, max, acksFirst }: Wanted,
  waitSeconds: number,
): Promise<WorkItem[]> {
  const queues = [{ kind: 'command', queue: deviceId } as const]
  const wanted = { queues, worker: deviceId, max, mark: leaseMarkOf(acksFirst) }
  if (waitSeconds === 0) return store.write((tx) => work.claim(tx, wanted))
  return work.lease(wanted, AbortSignal.any([signal, AbortSignal.timeout(waitSeconds * 1000)]))
}
