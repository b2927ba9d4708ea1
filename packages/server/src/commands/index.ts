import type { CommandSubmitted } from '@nexus/contract'
import type { Ctx, Principal } from '../core/context.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { Events } from '../events/index.ts'
import type { OnChange, Work } from '../work/index.ts'
import type { CommandDeps } from './deps.ts'
import { Ends } from './ends.ts'
import { type CommandHandlers, commandHandlers } from './handlers.ts'
import { assertSpeaksFor } from './lease.ts'
import { onWorkChange } from './on-work-change.ts'
import { ordersOf } from './orders.ts'
import type { Callbacks, CommandStore } from './ports.ts'
import { type ReceiverOptions, Receivers, type Sink } from './receivers.ts'
import { resync } from './resync.ts'
import { Reports } from './told.ts'
import { type Trail, trailOf } from './trail.ts'
import { commandEnd, outcomeOf } from './wait.ts'

export type { Callback, Callbacks, CommandFilter, CommandStore, ExecutionFilter } from './ports.ts'
export type { ReceiverOptions, Sink } from './receivers.ts'
export type { CommandOrder, CommandRecord, Counts, DefinitionRecord, ExecutionRecord, LogRecord } from './record.ts'
export type { Trail } from './trail.ts'

export interface CommandsOptions {
  store: CommandStore
  work: Work
  events: Pick<Events, 'publish'>
  devices: CommandDeps['devices']
  callbacks: Callbacks
  now(): number
  /** How long commands are kept after their end. */
  keepMs: number
  onError(cause: unknown): void
}

export interface Commands extends Loop {
  handlers: CommandHandlers
  /** What the engine tells of the work behind commands. */
  onWork: OnChange
  /**
   * A device receives over a connection from now on, in place of any other; returns what ends that.
   * Errors: FORBIDDEN (the key is not the device's).
   */
  receive(ctx: Ctx, deviceId: string, sink: Sink, options: ReceiverOptions): () => void
  /** Where the events of a command are, for who may see it. Errors: FORBIDDEN, NOT_FOUND. */
  trail(principal: Principal, commandId: string): Promise<Trail>
  /** Resolves with the outcome of a command once it has ended; undefined: the signal was aborted before. */
  end(commandId: string, signal: AbortSignal): Promise<CommandSubmitted | undefined>
}

const trimRestMs = 60_000

/** Commands to devices: submitted, given to their devices as leased work, reported on, ended once. */
export function createCommands(options: CommandsOptions): Commands {
  const { store, work, events, devices, callbacks, now, keepMs, onError } = options
  const receivers = new Receivers({
    work,
    write: (fn) => store.write(fn),
    ordersOf: (items) => ordersOf({ store }, items),
    resync: (deviceId, have) => resync({ store, work }, deviceId, have),
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
    reports: new Reports(),
    now,
  }
  const trimming = createLoop({
    restMs: trimRestMs,
    async run(signal) {
      while (!signal.aborted && (await store.trim(now() - keepMs)));
    },
    onError,
  })
  return {
    handlers: commandHandlers(deps),
    onWork: onWorkChange(deps),
    receive(ctx, deviceId, sink, receiver) {
      assertSpeaksFor(ctx, deviceId)
      return receivers.open(deviceId, sink, receiver)
    },
    trail: (principal, commandId) => trailOf(deps, principal, commandId),
    async end(commandId, signal) {
      const ended = await commandEnd(deps, commandId, signal)
      return ended && !signal.aborted ? outcomeOf(ended) : undefined
    },
    start() {
      receivers.start()
      trimming.start()
    },
    async stop() {
      await receivers.stop()
      await trimming.stop()
    },
  }
}
