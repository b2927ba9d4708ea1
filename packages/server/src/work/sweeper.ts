import { type Alarm, createAlarm } from '../core/alarm.ts'
import type { Tx } from '../core/context.ts'
import { type DueWork, doAllDue, failedAmong } from '../core/due-work.ts'
import { failedRestMs } from '../core/loop.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import type { WorkItem } from './item.ts'
import { swept } from './transitions.ts'

const sweptMax = 500
/** How long it rests at most: an instant that another node has set is not told here. */
const restMsMax = 5000

export interface Sweeper extends Alarm {
  /** Does everything that is due, but what cannot be done, of which `onError` is told; the loop does so by itself. */
  sweep(): Promise<void>
}

/**
 * Ends leases whose workers are silent, attempts that take too long, waits that are over. Sleeps until the next of them is
 * due, and begins with what became due while nobody was there.
 */
export function createSweeper(deps: Omit<EngineDeps, 'onDue'>, onError: (cause: unknown) => void): Sweeper {
  const engine: EngineDeps = { ...deps, onDue: (at) => alarm.expect(at) }
  let isStopped = false

  const commit = (due: readonly WorkItem[], now: number) =>
    deps.store.write(async (tx) => {
      const unbegun = await unbegunOf(engine, tx, due)
      const changes = due.map((before) => ({
        before,
        after: swept(before, now, deps.random(), unbegun.has(before.id)),
      }))
      await commitChanges(engine, tx, changes)
    })
  /** Together, or else each by itself. Returns the ids of those that cannot be swept. */
  const sweepSome = async (due: readonly WorkItem[]): Promise<string[]> => {
    const now = deps.now()
    try {
      await commit(due, now)
      return []
    } catch {
      const failed = await failedAmong(due, (item) => commit([item], now), { onError })
      return failed.map(({ id }) => id)
    }
  }
  const dueItems: DueWork<WorkItem, string> = {
    atOnce: sweptMax,
    find: (passedOver) => deps.store.due(deps.now(), sweptMax + passedOver.size),
    idOf: ({ id }) => id,
    act: sweepSome,
  }
  const sweepAll = () => doAllDue([dueItems], () => isStopped)
  const run = async () => ((await sweepAll()) ? deps.store.nextDue() : deps.now() + failedRestMs)
  const alarm = createAlarm({ now: deps.now, restMsMax, run, onError })
  return {
    expect: alarm.expect,
    sweep: async () => void (await sweepAll()),
    start: alarm.start,
    async stop() {
      isStopped = true
      await alarm.stop()
    },
  }
}

/** See `Unbegun`. */
async function unbegunOf(deps: EngineDeps, tx: Tx, due: readonly WorkItem[]): Promise<ReadonlySet<string>> {
  const running = due.filter(({ state }) => state === 'running')
  const unbegun = new Set<string>()
  for (const [kind, of] of Map.groupBy(running, ({ kind }) => kind))
    for (const id of (await deps.rooms[kind]?.unbegun?.(tx, of)) ?? []) unbegun.add(id)
  return unbegun
}
