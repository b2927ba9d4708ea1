import type { Loop } from '../core/loop.ts'
import { commitChanges } from './commit.ts'
import type { EngineDeps } from './engine.ts'
import { swept } from './transitions.ts'

const sweptMax = 500
/** How long it rests at most: an instant that another node has set is not told here. */
const restMsMax = 5000
const failedRestMs = 1000

export interface Sweeper extends Loop {
  /** Something is due at this instant. */
  expect(at: number): void
  /** Does everything that is due; the loop does so by itself. */
  sweep(): Promise<void>
}

/**
 * Ends leases whose workers are silent, attempts that take too long, waits that are over. Sleeps until the next of them is
 * due, and begins with what became due while nobody was there.
 */
export function createSweeper(deps: Omit<EngineDeps, 'onDue'>, onError: (cause: unknown) => void): Sweeper {
  const engine: EngineDeps = { ...deps, onDue: (at) => expect(at) }
  let running = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let wakeAt = Number.POSITIVE_INFINITY
  /** The earliest instant that was told while a turn is under way. */
  let expected = Number.POSITIVE_INFINITY
  let turn: Promise<void> = Promise.resolve()

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
    while (!stopped && (await sweepOnce()));
  }
  const sleepUntil = (at: number) => {
    clearTimeout(timer)
    wakeAt = at
    if (running) timer = setTimeout(run, Math.max(0, at - deps.now()))
  }
  const run = () => {
    wakeAt = Number.NEGATIVE_INFINITY
    expected = Number.POSITIVE_INFINITY
    turn = sweep()
      .then(() => deps.store.nextDue())
      .then((next = Number.POSITIVE_INFINITY) => sleepUntil(Math.min(next, expected, deps.now() + restMsMax)))
      .catch((cause) => {
        onError(cause)
        sleepUntil(deps.now() + failedRestMs)
      })
  }
  const expect = (at: number) => {
    expected = Math.min(expected, at)
    if (at < wakeAt) sleepUntil(at)
  }
  return {
    expect,
    sweep,
    start() {
      running = true
      run()
    },
    async stop() {
      running = false
      stopped = true
      clearTimeout(timer)
      await turn
    },
  }
}
