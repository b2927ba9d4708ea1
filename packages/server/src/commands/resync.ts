import type { Tx } from '../core/context.ts'
import type { Report, Reported, Work, WorkItem } from '../work/index.ts'
import type { CommandStore } from './ports.ts'
import type { ExecutionRecord } from './record.ts'

export interface ResyncDeps {
  store: Pick<CommandStore, 'write' | 'givenTo' | 'findExecutions'>
  work: Pick<Work, 'find' | 'report'>
}

export interface Resynced {
  /** What the device has and goes on with. */
  held: { id: string; leaseToken: string | null; isCancelled: boolean }[]
  /** What did not reach it, to be sent again. */
  again: WorkItem[]
}

/**
 * A device is back, and tells what it has of what it was given. What it never confirmed under its present lease is sent again:
 * under the same lease where it knows of it, else under a new one, so that whoever else was given it can't confirm it any more.
 * What it had confirmed and knows nothing of any more was lost with it, and counts as an attempt whose outcome is not known.
 * `elsewhere`: the lease tokens, by execution, of what another connection of the device may be at work on: who knows nothing of that
 * leaves it as it is.
 */
export async function resync(
  { store, work }: ResyncDeps,
  deviceId: string,
  have: readonly string[],
  elsewhere: ReadonlyMap<string, string> = new Map(),
): Promise<Resynced> {
  const known = new Set(have)
  return store.write(async (tx) => {
    const given = await store.givenTo(deviceId, tx)
    const running = await runningOf(work, given, tx)
    const reports = given.flatMap((execution): Report[] => {
      const leaseToken = running.get(execution.executionId)?.leaseToken
      if (!leaseToken) return []
      const of = { id: execution.executionId, leaseToken }
      const isForgotten = !known.has(execution.executionId) && execution.deliveredAt !== null
      if (isForgotten && elsewhere.get(execution.executionId) === leaseToken) return []
      return [isForgotten ? { ...of, kind: 'lost' } : { ...of, kind: 'alive' }]
    })
    const reported = (await work.report(tx, reports)).filter(isHeld)
    const confirmed = await confirmedOf(store, given, tx)
    const isKnown = ({ id }: WorkItem) => known.has(id)
    const unconfirmed = reported.filter(({ id }) => !confirmed.has(id))
    const held = reported.filter((item) => confirmed.has(item.id) && isKnown(item)).map(heldOf)
    const unheard = unconfirmed
      .filter((item) => !isKnown(item))
      .map(({ id, leaseToken }): Report => ({ id, leaseToken: leaseToken!, kind: 'again' }))
    const anew = (await work.report(tx, unheard)).filter(isHeld)
    return { held, again: [...unconfirmed.filter(isKnown), ...anew] }
  })
}

/**
 * Which of these are confirmed. Their leases were renewed in the transaction, so that nobody else reports of them until it ends:
 * one that another connection has confirmed since they were read is seen here, and is left to that.
 */
async function confirmedOf(
  store: Pick<CommandStore, 'findExecutions'>,
  given: readonly ExecutionRecord[],
  tx: Tx,
): Promise<ReadonlySet<string>> {
  const unconfirmed = given.filter(({ deliveredAt }) => deliveredAt === null).map(({ executionId }) => executionId)
  const again = unconfirmed.length === 0 ? [] : await store.findExecutions(unconfirmed, tx)
  const confirmed = [...given, ...again].filter(({ deliveredAt }) => deliveredAt !== null)
  return new Set(confirmed.map(({ executionId }) => executionId))
}

function heldOf({ id, leaseToken, cancelRequestedAt }: WorkItem): Resynced['held'][number] {
  return { id, leaseToken, isCancelled: cancelRequestedAt !== null }
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
