import { isDeepStrictEqual } from 'node:util'
import type { Tx } from '../core/context.ts'
import type { WaitingFor } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import { type Moment, passGates } from './gates.ts'
import { answerFor } from './guards.ts'
import { byHand, type HeldFor, placeOf, type RunPlace, type RunRecord, type TaskRecord } from './record.ts'
import { stallMs } from './run-work.ts'
import { stopRuns } from './stop-runs.ts'

/** How often a guard is asked about again. */
const guardMs = 15_000
/** So many of each kind in a transaction. */
const passedAtOnce = 100

/** What is left to be done of a task that was advanced. */
export interface LeftToDo {
  /** When the task has to be advanced again; null: when something happens. */
  wakeAt: number | null
  /** There are more runs that this answer of the guard, or the end of the pause, is about. */
  isMore: boolean
  /** The last of the runs that wait for dependencies and have tried their gate; null: there are no more. */
  next: RunPlace | null
}

export const nothingLeft: LeftToDo = { wakeAt: null, isMore: false, next: null }

/**
 * Lets the runs of a task that wait through the gates that have opened, the oldest first. Runs are found by what they wait for,
 * so that however many wait for one thing keep no run waiting that waits for another.
 */
export async function openGates(deps: TaskDeps, tx: Tx, task: TaskRecord, moment: Moment): Promise<LeftToDo> {
  if (task.pausedAt !== null) return holdAll(deps, tx, task, moment)
  if (!(await deps.store.hasHeld(tx, task.taskId))) return nothingLeft
  const gates = new Gates(deps, tx, task, moment)
  const isMorePaused = await gates.leavePause()
  const next = await gates.tryDependencies()
  const isMoreGuarded = await gates.tryGuard()
  const isMoreInTurn = await gates.takeTurn()
  // Whoever has asked the guard goes on with its answer himself.
  const isMore = isMorePaused || isMoreInTurn || (isMoreGuarded && moment.guard === undefined)
  const wakes = [isMore ? moment.now : null, await gates.askGuard()].filter((at) => at !== null)
  return { wakeAt: wakes.length === 0 ? null : Math.min(...wakes), isMore: isMore || isMoreGuarded, next }
}

/**
 * The gates of a task at one moment. A run that comes from a pause or a dependency stands behind those that wait for their
 * turn, and the oldest of these goes first.
 */
class Gates {
  readonly #deps: TaskDeps
  readonly #tx: Tx
  readonly #task: TaskRecord
  readonly #moment: Moment & { upstream: NonNullable<Moment['upstream']> }

  constructor(deps: TaskDeps, tx: Tx, task: TaskRecord, moment: Moment) {
    this.#deps = deps
    this.#tx = tx
    this.#task = task
    this.#moment = { ...moment, upstream: new Map() }
  }

  async leavePause(): Promise<boolean> {
    const runs = await this.#held('paused', passedAtOnce)
    for (const run of runs) await this.#pass(run, true)
    return runs.length === passedAtOnce
  }

  async tryDependencies(): Promise<RunPlace | null> {
    const runs = await this.#held('dependency', passedAtOnce, this.#moment.after)
    if (runs.length === 0) return null
    const found = await this.#deps.work.find(
      runs.map(({ runId }) => runId),
      this.#tx,
    )
    const waits = new Map(found.map(({ id, waitingFor }) => [id, waitingFor]))
    for (const run of runs) await this.#pass(run, true, waits.get(run.runId))
    return runs.length === passedAtOnce ? placeOf(runs.at(-1)!) : null
  }

  /** Where nothing is known of the guard, or it does not hold, they go on waiting; not for one that nobody may ask. */
  async tryGuard(): Promise<boolean> {
    const { guard } = this.#task.definition
    const answer = answerFor(this.#task, this.#moment.guard)
    const isOpen = guard === undefined || answer?.holds || (answer && (answer.error || guard.else === 'skip'))
    if (!isOpen) return false
    const runs = await this.#held('guard', passedAtOnce)
    let isBusy = runs.length > 0 && (await this.#isBusy())
    for (const run of runs) isBusy = (await this.#pass(run, isBusy)) === 'goes' ? isBusy || run.plan.inTurn : isBusy
    return runs.length === passedAtOnce
  }

  /** Only the first of those that wait for their turn can go, unless it comes to nothing. */
  async takeTurn(): Promise<boolean> {
    if (await this.#isBusy()) return false
    for (let tried = 0; tried < passedAtOnce; tried++) {
      const [first] = await this.#held('concurrency', 1)
      if (!first || (await this.#pass(first, false)) !== 'ended') return false
    }
    return true
  }

  /** Returns when it is to be asked again, if somebody waits for it. */
  async askGuard(): Promise<number | null> {
    const { taskId, definition } = this.#task
    if (!definition.guard || (await this.#held('guard', 1)).length === 0) return null
    if (!answerFor(this.#task, this.#moment.guard))
      this.#deps.store.afterCommit(this.#tx, () => this.#deps.guards.ask(taskId))
    return this.#moment.now + guardMs
  }

  #isBusy(): Promise<boolean> {
    return this.#deps.store.isBusy(this.#tx, this.#task.taskId)
  }

  #held(heldFor: HeldFor, limit: number, after?: RunPlace | null): Promise<RunRecord[]> {
    return this.#deps.store.heldRuns(this.#tx, this.#task.taskId, { heldFor, limit, ...(after && { after }) })
  }

  /** `waits`: what it is known to wait for. */
  async #pass(run: RunRecord, isBusy: boolean, waits?: WaitingFor | null): Promise<'goes' | 'waits' | 'ended'> {
    const passed = await passGates(this.#deps, this.#tx, this.#task, run, { ...this.#moment, isBusy })
    if ('end' in passed) {
      await stopRuns(this.#deps, this.#tx, [run], { ...passed, status: passed.end })
      return 'ended'
    }
    const { waitingFor, startBy, parameters } = passed
    if (waitingFor === null) await release(this.#deps, this.#tx, run, parameters, this.#moment.now)
    else if (!isDeepStrictEqual(waitingFor, waits)) await keepWaiting(this.#deps, this.#tx, [run], waitingFor, startBy)
    return waitingFor === null ? 'goes' : 'waits'
  }
}

/** In a pause all wait for its end, but for those by hand and those that a worker has. */
async function holdAll(deps: TaskDeps, tx: Tx, { taskId }: TaskRecord, { now }: Moment): Promise<LeftToDo> {
  const { store } = deps
  const limit = passedAtOnce
  const ready = await store.readyRuns(tx, taskId, { causesBut: byHand, limit })
  let isMore = ready.length === limit
  await keepWaiting(deps, tx, ready, { reason: 'paused' })
  for (const heldFor of ['dependency', 'concurrency', 'guard'] as const) {
    const runs = await store.heldRuns(tx, taskId, { heldFor, limit })
    isMore ||= runs.length === limit
    await keepWaiting(deps, tx, runs, { reason: 'paused' }, null)
  }
  return { ...nothingLeft, wakeAt: isMore ? now : null, isMore }
}

async function keepWaiting(
  { store, work }: TaskDeps,
  tx: Tx,
  runs: readonly RunRecord[],
  waitingFor: WaitingFor,
  startBy?: number | null,
): Promise<void> {
  if (runs.length === 0) return
  const ids = runs.map(({ runId }) => runId)
  const held = await work.hold(tx, ids, waitingFor, startBy)
  const locked = await store.lockRuns(
    tx,
    held.map(({ id }) => id),
  )
  const heldFor = waitingFor.reason as HeldFor
  await store.saveRuns(
    tx,
    locked.map((run) => ({ ...run, heldFor, stallAt: null })),
  )
}

async function release(
  { store, work }: TaskDeps,
  tx: Tx,
  run: RunRecord,
  parameters: RunRecord['parameters'],
  now: number,
): Promise<void> {
  const [item] = await work.hold(tx, [run.runId], null, null)
  const stallAt = run.plan.handler.type === 'worker' ? Math.max(now, item?.notBefore ?? 0) + stallMs : null
  const [locked] = await store.lockRuns(tx, [run.runId])
  if (locked) await store.saveRuns(tx, [{ ...locked, heldFor: null, parameters, stallAt }])
}
