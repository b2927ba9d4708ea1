import type { Tx } from '../core/context.ts'
import type { Report, Reported, Work, WorkItem } from '../work/index.ts'
import { isUnbegun, leaseMarkOf } from './acks-first.ts'
import type { CommandStore } from './ports.ts'
import type { ExecutionRecord } from './record.ts'

export interface ResyncDeps {
  store: Pick<CommandStore, 'write' | 'givenTo' | 'lockOf' | 'findExecutions'>
  work: Pick<Work, 'find' | 'report' | 'claim'>
}

/** What a device tells that is back. */
export interface Return {
  deviceId: string
  /** The executions that it knows of. */
  have: readonly string[]
  /**
   * The lease tokens, by execution, of what another connection of the device may be at work on: a connection that knows nothing
   * of that leaves it as it is.
   */
  elsewhere: ReadonlyMap<string, string>
  /** See `AcksFirst` in the contract. */
  acksFirst: boolean | undefined
  /** How many more the device takes beside these. */
  room(beside: Pick<Resynced, 'held' | 'again'>): number
}

export interface Resynced {
  /** What the device has and goes on with. */
  held: WorkItem[]
  /** What the device has and has not confirmed: to be sent again, under the lease that it has. */
  again: WorkItem[]
  /** What was taken for the device in place of what it was given and does not have; an attempt of its own. */
  taken: WorkItem[]
}

/**
 * A device is back, and tells what it has of what it was given. What it has and never confirmed under its present lease
 * is sent again. What it does not have any more was lost with it, or on the way: an attempt of which nobody knows
 * whether it was begun. Where another one is left, that follows at once, under a lease of its own, so that the
 * connection that was given the one before can't confirm it any more. Of a device that acks first, what it did not
 * confirm was no attempt. A last attempt that was not confirmed is left alone: the device may be about to confirm it
 * over the connection over which it came, and else its lease ends it.
 */
export async function resync({ store, work }: ResyncDeps, back: Return): Promise<Resynced> {
  const { deviceId, room, acksFirst } = back
  return store.write(async (tx) => {
    const given = await store.givenTo(deviceId, tx)
    const running = await runningOf(work, given, tx)
    const reports = await reportsOn({ store, work }, tx, given, running, back)
    const reported = await work.report(tx, reports)
    const confirmed = new Set(given.filter(({ deliveredAt }) => deliveredAt !== null).map((one) => one.executionId))
    const kept = reported.filter(isHeld)
    const held = kept.filter(({ id }) => confirmed.has(id))
    const again = kept.filter(({ id }) => !confirmed.has(id))
    const max = Math.min(reported.filter(isRepeated).length, room({ held, again }))
    const queues = [{ kind: 'command', queue: deviceId } as const]
    const wanted = { queues, worker: deviceId, max, mark: leaseMarkOf(acksFirst) }
    return { held, again, taken: max > 0 ? await work.claim(tx, wanted) : [] }
  })
}

/**
 * What is about to be taken from whoever has it is renewed first, so that nobody else reports of it until the transaction ends,
 * and then judged again: it may have been confirmed meanwhile.
 */
async function reportsOn(
  { store, work }: ResyncDeps,
  tx: Tx,
  given: readonly ExecutionRecord[],
  running: ReadonlyMap<string, WorkItem>,
  back: Return,
): Promise<Report[]> {
  const known = new Set(back.have)
  const judged = (some: readonly ExecutionRecord[], items: ReadonlyMap<string, WorkItem>) =>
    some.flatMap((one) => reportOn(one, items.get(one.executionId), back, known))
  const reports = judged(given, running)
  const taken = reports.filter(({ kind }) => kind !== 'alive')
  if (taken.length === 0) return reports
  const ids = taken.map(({ id }) => id)
  await store.lockOf(tx, ids)
  const renewals = taken.map(({ id, leaseToken }): Report => ({ id, leaseToken, kind: 'alive' }))
  const renewed = new Map((await work.report(tx, renewals)).filter(isHeld).map((item) => [item.id, item]))
  return [...reports.filter(({ kind }) => kind === 'alive'), ...judged(await store.findExecutions(ids, tx), renewed)]
}

function reportOn(
  execution: ExecutionRecord,
  item: WorkItem | undefined,
  { elsewhere }: Return,
  known: ReadonlySet<string>,
): Report[] {
  if (!item?.leaseToken) return []
  const { executionId: id, deliveredAt } = execution
  const { leaseToken } = item
  if (known.has(id)) return [{ id, leaseToken, kind: 'alive' }]
  if (isUnbegun(execution, item)) return [{ id, leaseToken, kind: 'unheard' }]
  const isLost = deliveredAt === null ? item.attempt < item.retry.attemptsMax : elsewhere.get(id) !== leaseToken
  return isLost ? [{ id, leaseToken, kind: 'lost' }] : []
}

async function runningOf(
  work: Pick<Work, 'find'>,
  given: readonly ExecutionRecord[],
  tx: Tx,
): Promise<Map<string, WorkItem>> {
  const items = await work.find(
    given.map(({ executionId }) => executionId),
    tx,
  )
  return new Map(items.filter(({ state }) => state === 'running').map((item) => [item.id, item]))
}

function isHeld(reported: Reported): reported is WorkItem {
  return 'state' in reported && reported.state === 'running'
}

/** To be given once more. */
function isRepeated(reported: Reported): reported is WorkItem {
  return 'state' in reported && reported.state === 'pending'
}
