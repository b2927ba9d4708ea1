import type { Tx } from '../core/context.ts'
import type { Report, Reported, Work, WorkItem } from '../work/index.ts'
import type { CommandStore } from './ports.ts'
import type { ExecutionRecord } from './record.ts'

export interface ResyncDeps {
  store: Pick<CommandStore, 'write' | 'givenTo'>
  work: Pick<Work, 'find' | 'report'>
}

export interface Resynced {
  /** What the device has and goes on with. */
  held: { id: string; leaseToken: string | null; isCancelled: boolean }[]
  /** What did not reach it, to be sent again under the same lease. */
  again: WorkItem[]
}

/**
 * A device is back, and tells what it has of what it was given. What it never confirmed under its present lease is sent again,
 * also where it knows of it, from an attempt before; what it had confirmed and knows nothing of any more was lost with it, and
 * counts as an attempt whose outcome is not known. `elsewhere`: the lease tokens, by execution, of what another connection of the device
 * may be at work on: who knows nothing of that leaves it as it is.
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
    const confirmed = new Set(
      given
        .filter(({ executionId, deliveredAt }) => known.has(executionId) && deliveredAt !== null)
        .map(({ executionId }) => executionId),
    )
    const held = reported
      .filter(({ id }) => confirmed.has(id))
      .map(({ id, leaseToken, cancelRequestedAt }) => ({
        id,
        leaseToken,
        isCancelled: cancelRequestedAt !== null,
      }))
    return { held, again: reported.filter(({ id }) => !confirmed.has(id)) }
  })
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
