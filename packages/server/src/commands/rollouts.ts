import { commandLimits, type RolloutAbort } from '@nexus/contract'
import { type Alarm, createAlarm } from '../core/alarm.ts'
import { type Condition, parseCondition, type Reading } from '../core/condition.ts'
import type { Tx } from '../core/context.ts'
import { type DueWork, doAllDue, failedAmong } from '../core/due-work.ts'
import { failedRestMs, type Loop } from '../core/loop.ts'
import { caughtUp } from './catch-up.ts'
import type { Follower } from './follower.ts'
import type { CommandStore } from './ports.ts'
import type { CommandRecord, ExecutionRecord } from './record.ts'
import { isRolling, type RollingCommand } from './rollout-standing.ts'

export interface RolloutsDeps {
  store: Pick<CommandStore, 'write' | 'lock' | 'dueRollouts' | 'nextRollout' | 'watchedRollouts' | 'given'>
  follower: Follower
  /** See `advanceRollout` and `abortRollout`. */
  advance(tx: Tx, command: CommandRecord, now: number): Promise<void>
  abort(tx: Tx, command: RollingCommand, abort: RolloutAbort): Promise<void>
  now(): number
  onError(cause: unknown): void
}

type Given = Pick<ExecutionRecord, 'executionId' | 'commandId' | 'deviceId'>

interface Watched {
  condition: Condition
  /** The keys under which its devices are followed. */
  keys: Set<string>
  /** There was no room for all of its devices. */
  isPartial: boolean
}

const restMsMax = 5000
const dueAtOnce = 100

/**
 * Takes the steps of roll-outs that time brings, and follows the metrics that abort them, on the devices that have been given
 * the command. A node changes a roll-out only under the lock of its command: several nodes never release twice.
 */
export class Rollouts implements Loop {
  readonly #deps: RolloutsDeps
  readonly #alarm: Alarm
  /** By command. */
  readonly #watched = new Map<string, Watched>()
  readonly #tripped = new Map<string, RolloutAbort>()

  constructor(deps: RolloutsDeps) {
    this.#deps = deps
    const run = () => this.#run()
    this.#alarm = createAlarm({ now: deps.now, restMsMax, run, onError: deps.onError })
  }

  start(): void {
    this.#alarm.start()
  }

  async stop(): Promise<void> {
    await this.#alarm.stop()
    for (const commandId of [...this.#watched.keys()]) this.forget(commandId)
  }

  /** A roll-out has to be looked at then. */
  expect(at: number): void {
    this.#alarm.expect(at)
  }

  /** Does everything that is due; the loop does so by itself. */
  async sweep(): Promise<void> {
    await this.#run()
  }

  /**
   * A roll-out has begun here: what its devices are given from now on is told by `given`. While roll-outs that ended elsewhere
   * take its place, it is taken up with the next turn.
   */
  begin({ commandId, rollout }: Pick<CommandRecord, 'commandId' | 'rollout'>): void {
    const metric = rollout?.abort?.metric
    const isFull = this.#watched.size >= commandLimits.watchedRolloutsMax
    if (metric === undefined || this.#watched.has(commandId) || isFull) return
    const condition = parseCondition(metric, 'rollout.abort.metric')
    this.#watched.set(commandId, { condition, keys: new Set(), isPartial: false })
  }

  /** A device has been given an execution. */
  given({ commandId, executionId, deviceId }: Given): void {
    const watched = this.#watched.get(commandId)
    if (!watched) return
    const key = `abort ${executionId}`
    const { condition } = watched
    const holds = (reading: Reading) => this.#trip(commandId, deviceId, condition, reading)
    if (this.#deps.follower.follow(key, { deviceId, condition, holds })) watched.keys.add(key)
    else watched.isPartial = true
  }

  /** Nothing aborts it any more: it has ended, or was aborted. */
  forget(commandId: string): void {
    for (const key of this.#watched.get(commandId)?.keys ?? []) this.#deps.follower.leave(key)
    this.#watched.delete(commandId)
    this.#tripped.delete(commandId)
  }

  async #run(): Promise<number | undefined> {
    const { store, now, onError } = this.#deps
    await this.#catchUp()
    const abort = async ([commandId, abort]: [string, RolloutAbort]) => {
      await this.#change(commandId, (tx, command) => this.#deps.abort(tx, command, abort))
      this.forget(commandId)
    }
    const advance = (commandId: string) =>
      this.#change(commandId, (tx, command) => this.#deps.advance(tx, command, now()))
    const due: DueWork<string, string> = {
      atOnce: dueAtOnce,
      find: ({ size }) => store.dueRollouts(now(), dueAtOnce + size),
      idOf: (commandId) => commandId,
      act: (commandIds) => failedAmong(commandIds, advance, { onError }),
    }
    const notAborted = await failedAmong([...this.#tripped], abort, { onError })
    const isAdvanced = await doAllDue([due])
    return notAborted.length === 0 && isAdvanced ? store.nextRollout() : now() + failedRestMs
  }

  async #change(commandId: string, change: (tx: Tx, command: RollingCommand) => Promise<void>): Promise<void> {
    await this.#deps.store.write(async (tx) => {
      const command = await this.#deps.store.lock(tx, commandId)
      if (isRolling(command)) await change(tx, command)
    })
  }

  /** Begins to watch what began before this start or on another node, and leaves what ended there. */
  async #catchUp(): Promise<void> {
    const read = async (max: number) => {
      const found = await this.#deps.store.watchedRollouts(max)
      return found.map(({ commandId, rollout }) => [commandId, rollout] as const)
    }
    const live = await caughtUp(this.#watched, commandLimits.watchedRolloutsMax + 1, read, (commandId) =>
      this.forget(commandId),
    )
    for (const [commandId, rollout] of live) {
      const known = this.#watched.get(commandId)
      if (known && !(known.isPartial && !this.#deps.follower.isFull)) continue
      this.begin({ commandId, rollout })
      const watched = this.#watched.get(commandId)
      if (!watched) continue
      watched.isPartial = false
      for (const given of await this.#deps.store.given(commandId, givenMax)) this.given(given)
    }
  }

  #trip(commandId: string, deviceId: string, { text }: Condition, reading: Reading): void {
    if (this.#tripped.has(commandId)) return
    const issue = `${text} holds on ${deviceId}: the reading is ${JSON.stringify(reading)}`
    this.#tripped.set(commandId, { reason: 'metric', issue, device_id: deviceId })
    this.#alarm.expect(this.#deps.now())
  }
}

const givenMax = 10_000
