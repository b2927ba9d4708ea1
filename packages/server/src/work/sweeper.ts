import { type Alarm, createAlarm } from '../core/alarm.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import { swept } from './transitions.ts'

const sweptMax = 500
/** How long it rests at most: an instant that another node has set is not told here. */
const restMsMax = 5000

export interface Sweeper extends Alarm {
  /** Does everything that is due; the loop does so by itself. */
  sweep(): Promise<void>
}

/**
 * Ends leases whose workers are silent, attempts that take too long, waits that are over. Sleeps until the next of them is
 * due, and begins with what became due while nobody was there.
 */
export function createSweeper(deps: Omit<EngineDeps, 'onDue'>, onError: (cause: unknown) => void): Sweeper {
  const engine: EngineDeps = { ...deps, onDue: (at) => alarm.expect(at) }
  let isStopped = false

  const sweepOnce = async (): Promise<boolean> => {
    const now = deps.now()
    const due = await deps.store.due(now, sweptMax)
    if (due.length === 0) return false
    await deps.store.write((tx) =>
      commitChanges(
        engine,
        tx,
        due.map((before) => ({ before, after: swept(before, now, deps.random()) })),
      ),
    )
    return due.length === sweptMax
  }
  const sweep = async () => {
    while (!isStopped && (await sweepOnce()));
  }
  const run = async () => {
    await sweep()
    return deps.store.nextDue()
  }
  const alarm = createAlarm({ now: deps.now, restMsMax, run, onError })
  return {
    expect: alarm.expect,
    sweep,
    start: alarm.start,
    async stop() {
      isStopped = true
      await alarm.stop()
    },
  }
}
