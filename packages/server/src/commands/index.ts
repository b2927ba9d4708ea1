import { type CommandSubmitted, operations } from '@nexus/contract'
import type { Reading } from '../core/condition.ts'
import type { Ctx, Principal, Tx } from '../core/context.ts'
import { authorise } from '../core/invoke.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import { Told } from '../core/told.ts'
import type { Trail } from '../core/trail.ts'
import type { Events } from '../events/index.ts'
import type { Work, WorkRoom } from '../work/index.ts'
import { isUnbegun } from './acks-first.ts'
import { abortRollout, advanceRollout } from './advance-rollout.ts'
import { assertExecutes } from './assert-executes.ts'
import type { CommandDeps, CommandObserver } from './deps.ts'
import { Ends } from './ends.ts'
import { tellEndsElsewhere } from './ends-elsewhere.ts'
import { Follower } from './follower.ts'
import { type CommandHandlers, commandHandlers } from './handlers.ts'
import { assertSpeaksFor } from './lease.ts'
import { onWorkChange } from './on-work-change.ts'
import { ordersOf } from './orders.ts'
import type { Callbacks, CommandStore } from './ports.ts'
import { tellProgress } from './progress.ts'
import { ProgressNews } from './progress-news.ts'
import { type ReceiverOptions, Receivers, type Sink } from './receivers.ts'
import { resync } from './resync.ts'
import { Rollouts } from './rollouts.ts'
import { settleExecutions } from './settle.ts'
import { trailOf } from './trail.ts'
import { Verifications } from './verifications.ts'
import { commandEnd, outcomeOf } from './wait.ts'

export type {
  Callback,
  Callbacks,
  CommandFilter,
  CommandPlace,
  CommandStore,
  ExecutionFilter,
  RolloutStore,
} from './ports.ts'
export type { ReceiverOptions, Sink } from './receivers.ts'
export type { CommandOrder, CommandRecord, Counts, DefinitionRecord, ExecutionRecord, LogRecord } from './record.ts'
export { checkTarget } from './target.ts'

export interface CommandsOptions {
  store: CommandStore
  work: Work
  events: Pick<Events, 'publishAll' | 'follow'>
  devices: CommandDeps['devices']
  callbacks: Callbacks
  /** The newest reading of a metric, with its timestamp in ms, as far as memory has it. */
  lastReading(deviceId: string, metric: string): { at: number; reading: Reading } | undefined
  now(): number
  /** How long commands are kept after their end. */
  keepMs: number
  /** Aborted when Nexus stops: who waits for the end of a command is answered. */
  stopping: AbortSignal
  observe: CommandObserver
  onError(cause: unknown): void
}

export interface Commands extends Loop {
  handlers: CommandHandlers
  /** What the engine asks about the work behind commands. */
  workRoom: WorkRoom
  /** Errors: FORBIDDEN (the key is not the device's, or lacks the scope of `commands.lease`). */
  assertReceives(ctx: Ctx, deviceId: string): void
  /** See `assertExecutes`. */
  assertExecutes(principal: Principal, command: string, field: string, tx?: Tx): Promise<void>
  /**
   * A device receives over a connection from now on, in place of any other; returns what ends that.
   * Errors: those of `assertReceives`.
   */
  receive(ctx: Ctx, deviceId: string, sink: Sink, options: ReceiverOptions): () => void
  /** Where the events of a command are, for a key that may see it. Errors: FORBIDDEN, NOT_FOUND. */
  trail(principal: Principal, commandId: string): Promise<Trail>
  /** Does what is due of ends and cancels elsewhere, progress, roll-outs and verifications; the loops do so by themselves. */
  sweep(): Promise<void>
  /** How many devices receive over a connection. */
  receiving(): number
  /** Resolves with the outcome of a command once it has ended; undefined: the signal was aborted before. */
  end(commandId: string, signal: AbortSignal): Promise<CommandSubmitted | undefined>
}

const trimRestMs = 60_000
/** How long after its end on another node a command is known to have ended to the calls that wait here. */
const endsRestMs = 500
/** How many conditions are followed at once, of all roll-outs and verifications; and how many verifications of those. */
const followedMax = 50_000
const verifiedMax = 10_000

function assertReceives(ctx: Ctx, deviceId: string): void {
  authorise(operations['commands.lease'], ctx.principal)
  assertSpeaksFor(ctx, deviceId)
}

/** Commands to devices: submitted, given to their devices as leased work, reported on, ended once. */
export function createCommands(options: CommandsOptions): Commands {
  const { store, work, events, devices, callbacks, lastReading, now, keepMs, onError } = options
  const receivers = new Receivers({
    work,
    write: (fn) => store.write(fn),
    ordersOf: (items) => ordersOf({ store }, items),
    resync: (back) => resync({ store, work }, back),
    ...(store.isShared && {
      others: { onCancelled: (hear) => store.onCancelled(hear), find: (ids) => work.find(ids) },
    }),
    onError,
  })
  const follower = new Follower(events, followedMax)
  const rollouts = new Rollouts({
    store,
    follower,
    advance: (tx, command, at) => advanceRollout(deps, tx, command, at),
    abort: (tx, command, abort) => abortRollout(deps, tx, command, abort),
    now,
    onError,
  })
  const verifications = new Verifications(
    {
      store,
      follower,
      lastReading,
      settle: (tx, changes, at) => settleExecutions(deps, tx, changes, at),
      now,
      onError,
    },
    verifiedMax,
  )
  const progress = new ProgressNews({
    store,
    tell: (tx, command, execution) => tellProgress(deps, tx, command, execution),
    now,
    onError,
  })
  const deps: CommandDeps = {
    store,
    work,
    events,
    devices,
    callbacks,
    ends: new Ends(),
    receivers,
    told: new Told(),
    progress,
    rollouts,
    verifications,
    now,
    stopping: options.stopping,
    observe: options.observe,
  }
  const tellEnds = () => tellEndsElsewhere(store, deps.ends)
  const listening = createLoop({ restMs: endsRestMs, run: tellEnds, onError })
  const trimming = createLoop({
    restMs: trimRestMs,
    async run(signal) {
      while (!signal.aborted && (await store.trim(now() - keepMs)));
    },
    onError,
  })
  return {
    handlers: commandHandlers(deps),
    workRoom: {
      onChange: onWorkChange(deps),
      lockRecords: (tx, executionIds) => store.lockOf(tx, executionIds),
      async unbegun(tx, items) {
        const byId = new Map(items.map((item) => [item.id, item]))
        const found = await store.findExecutions([...byId.keys()], tx)
        const unbegun = found.filter((execution) => isUnbegun(execution, byId.get(execution.executionId)!))
        return new Set(unbegun.map(({ executionId }) => executionId))
      },
    },
    assertReceives,
    assertExecutes: (principal, command, field, tx) => assertExecutes({ store }, principal, command, field, tx),
    receive(ctx, deviceId, sink, receiver) {
      assertReceives(ctx, deviceId)
      return receivers.open(deviceId, sink, receiver)
    },
    receiving: () => receivers.size,
    trail: (principal, commandId) => trailOf(deps, principal, commandId),
    async sweep() {
      await tellEnds()
      await receivers.look()
      await progress.sweep()
      await verifications.sweep()
      await rollouts.sweep()
    },
    async end(commandId, signal) {
      const ended = await commandEnd(deps, commandId, signal)
      return ended && !signal.aborted ? outcomeOf(ended) : undefined
    },
    start() {
      receivers.start()
      trimming.start()
      if (store.isShared) listening.start()
      progress.start()
      rollouts.start()
      verifications.start()
    },
    async stop() {
      await receivers.stop()
      await progress.stop()
      await verifications.stop()
      await rollouts.stop()
      await trimming.stop()
      await listening.stop()
    },
  }
}
