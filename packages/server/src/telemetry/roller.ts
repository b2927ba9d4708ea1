import { createLoop, type Loop } from '../core/loop.ts'
import type { DirtyHours } from './dirty-hours.ts'
import type { Drain } from './drain.ts'
import type { DeviceHour, IngestLog, TelemetryStore } from './ports.ts'
import type { RollUpCache } from './roll-up-cache.ts'

export interface RollerDeps {
  log: IngestLog
  store: TelemetryStore
  dirty: DirtyHours
  drain: Pick<Drain, 'exclusively'>
  cache: RollUpCache
  now(): number
  /** How long an hour must have been untouched. Must exceed the longest query: a plan may still read what is replaced. */
  quietMs: number
  onRolled(hours: readonly DeviceHour[]): void
  onError(cause: unknown): void
}

export interface Roller extends Loop {
  /** Rolls up every hour that is over, quiet or not. */
  rollAll(): Promise<void>
}

const restMs = 1000
const hoursMax = 1000
/** Beyond this many dirty hours nobody waits for quiet: raw reads would cost more than making a roll-up twice. */
const dirtyMax = 200_000

/** Makes the roll-ups of hours that are over and have come to rest. */
export function createRoller(deps: RollerDeps): Roller {
  // With no batch and no deletion under way: their hours are marked before the points are there, or gone.
  const pass = (quietSince: number) => deps.drain.exclusively(() => rollUp(quietSince))
  const rollUp = async (quietSince: number): Promise<boolean> => {
    const due = deps.dirty.due(deps.now() * 1000, quietSince, hoursMax)
    if (due.length === 0) return false
    await deps.store.rollUp(due, deps.log.nextRollUpVersion())
    deps.dirty.clear(due)
    deps.cache.drop(due)
    deps.log.clearDirty(due)
    deps.onRolled(due)
    return true
  }

  const loop = createLoop({
    restMs,
    onError: deps.onError,
    async run(signal) {
      const quietSince = () => deps.now() - (deps.dirty.size > dirtyMax ? 0 : deps.quietMs)
      while (!signal.aborted && (await pass(quietSince())));
    },
  })
  return {
    ...loop,
    async rollAll() {
      while (await pass(Number.POSITIVE_INFINITY));
    },
  }
}
