import { setTimeout as pause } from 'node:timers/promises'
import type { ExecutionOrder } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { Reported, Work, WorkItem } from '../work/index.ts'
import type { ExecutionRecord } from './record.ts'
import type { Resynced } from './resync.ts'

/** A connection over which a device receives; each of these must not throw. */
export interface Sink {
  execute(order: ExecutionOrder): void
  /** Resolves when there is room for more; undefined: there is. */
  room(): Promise<void> | undefined
  cancel(of: { execution_id: string }): void
  /** Another connection receives for the device from now on. */
  replaced(): void
}

export interface ReceiversDeps {
  work: Pick<Work, 'lease' | 'report'>
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  ordersOf(items: readonly WorkItem[]): Promise<ExecutionOrder[]>
  /** Gives again what did not reach the device; see `resync`. */
  resync(deviceId: string, have: readonly string[], elsewhere: ReadonlyMap<string, string>): Promise<Resynced>
  onError(cause: unknown): void
}

export interface ReceiverOptions {
  /** How many executions the device takes at once. */
  max: number
  have: readonly string[]
}

const renewMs = 10_000
const renewedAtOnce = 500
const failedRestMs = 1000

interface Receiver {
  deviceId: string
  sink: Sink
  max: number
  /** The lease tokens of what the device has, by execution. */
  inHand: Map<string, string>
  ended: AbortController
  /** Wakes the loop when there is room again. */
  onRoom: (() => void) | undefined
}

/**
 * The connections over which devices receive, one a device: the newest. While one is open, the leases of what it was given
 * are extended; when it closes, they run on for as long as they last, and the device can come back to them.
 */
export class Receivers implements Loop {
  readonly #deps: ReceiversDeps
  readonly #byDevice = new Map<string, Receiver>()
  /** By device, what connections had in hand that were replaced while they were open, as in `inHand`. */
  readonly #elsewhere = new Map<string, Map<string, string>>()
  readonly #renewals: Loop

  constructor(deps: ReceiversDeps) {
    this.#deps = deps
    this.#renewals = createLoop({ restMs: renewMs, run: () => this.#renew(), onError: deps.onError })
  }

  start(): void {
    this.#renewals.start()
  }

  async stop(): Promise<void> {
    for (const receiver of this.#byDevice.values()) end(receiver)
    await this.#renewals.stop()
  }

  /** How many devices receive here. */
  get size(): number {
    return this.#byDevice.size
  }

  /** Whether a device receives here. */
  has(deviceId: string): boolean {
    return this.#byDevice.has(deviceId)
  }

  /** Begins to give a device its work; returns what ends that. */
  open(deviceId: string, sink: Sink, { max, have }: ReceiverOptions): () => void {
    const before = this.#byDevice.get(deviceId)
    if (before) {
      end(before)
      this.#elsewhere.set(deviceId, this.elsewhere(deviceId))
      before.sink.replaced()
    }
    const receiver: Receiver = {
      deviceId,
      sink,
      max,
      inHand: new Map(),
      ended: new AbortController(),
      onRoom: undefined,
    }
    this.#byDevice.set(deviceId, receiver)
    void this.#run(receiver, have)
    return () => {
      end(receiver)
      if (this.#byDevice.get(deviceId) === receiver) this.#byDevice.delete(deviceId)
    }
  }

  /**
   * What one who comes without knowing of it is not to end: the lease tokens, by execution, of what another connection of the device
   * has, or had when it was replaced. Nobody renews the latter: if it is not heard of either, its lease ends.
   */
  elsewhere(deviceId: string): Map<string, string> {
    return new Map([...(this.#elsewhere.get(deviceId) ?? []), ...(this.#byDevice.get(deviceId)?.inHand ?? [])])
  }

  /** An execution has changed, with the work behind it. */
  changed({ executionId, deviceId }: ExecutionRecord, item: WorkItem): void {
    if (item.state !== 'running') this.#forget(deviceId, executionId)
    const receiver = this.#byDevice.get(deviceId)
    if (!receiver?.inHand.has(executionId)) return
    if (item.state !== 'running' || item.leaseToken !== receiver.inHand.get(executionId)) {
      receiver.inHand.delete(executionId)
      receiver.onRoom?.()
    } else if (item.cancelRequestedAt !== null) receiver.sink.cancel({ execution_id: executionId })
  }

  async #run(receiver: Receiver, have: readonly string[]): Promise<void> {
    const { signal } = receiver.ended
    for (let known: readonly string[] | undefined = have; !signal.aborted; ) {
      try {
        if (known) await this.#resync(receiver, known)
        known = undefined
        await this.#giveNext(receiver)
      } catch (cause) {
        if (signal.aborted) return
        this.#deps.onError(cause)
        // What was leased and could not be given is given by this.
        known = [...new Set([...(known ?? []), ...receiver.inHand.keys()])]
        await pause(failedRestMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  async #resync(receiver: Receiver, have: readonly string[]): Promise<void> {
    const elsewhere = this.#elsewhere.get(receiver.deviceId) ?? new Map()
    const { held, again } = await this.#deps.resync(receiver.deviceId, have, elsewhere)
    for (const { id } of [...held, ...again]) this.#forget(receiver.deviceId, id)
    for (const { id, leaseToken } of held) receiver.inHand.set(id, leaseToken!)
    await this.#give(receiver, again)
    for (const { id, isCancelled } of held) if (isCancelled) receiver.sink.cancel({ execution_id: id })
  }

  #forget(deviceId: string, executionId: string): void {
    const elsewhere = this.#elsewhere.get(deviceId)
    elsewhere?.delete(executionId)
    if (elsewhere?.size === 0) this.#elsewhere.delete(deviceId)
  }

  async #giveNext(receiver: Receiver): Promise<void> {
    const { deviceId, max, inHand, ended } = receiver
    if (inHand.size >= max) {
      const room = Promise.withResolvers<void>()
      receiver.onRoom = room.resolve
      await room.promise
      receiver.onRoom = undefined
      return
    }
    const wanted = { queues: [{ kind: 'command', queue: deviceId } as const], worker: deviceId, max: max - inHand.size }
    await this.#give(receiver, await this.#deps.work.lease(wanted, ended.signal))
  }

  /** What was leased for a connection that has gone since goes to the next that asks, and the attempt does not count. */
  async #give(receiver: Receiver, items: readonly WorkItem[]): Promise<void> {
    const { inHand, sink, ended } = receiver
    const left = new Map(items.map(({ id, leaseToken }) => [id, leaseToken!]))
    for (const [id, leaseToken] of left) inHand.set(id, leaseToken)
    try {
      for (const order of await this.#deps.ordersOf(items)) {
        if (ended.signal.aborted) break
        left.delete(order.execution_id)
        if (inHand.get(order.execution_id) !== order.lease_token) continue
        sink.execute(order)
        const room = sink.room()
        if (room) await room
      }
    } catch (cause) {
      for (const id of left.keys()) inHand.delete(id)
      throw cause
    }
    if (!ended.signal.aborted || left.size === 0) return
    const unheard = [...left].map(([id, leaseToken]) => ({ id, leaseToken, kind: 'unheard' as const }))
    for (const { id } of unheard) inHand.delete(id)
    await this.#deps.write((tx) => this.#deps.work.report(tx, unheard))
  }

  async #renew(): Promise<void> {
    const held = [...this.#byDevice.values()].flatMap((receiver) =>
      [...receiver.inHand].map(([id, leaseToken]) => ({ receiver, id, leaseToken })),
    )
    for (let i = 0; i < held.length; i += renewedAtOnce) {
      const part = held.slice(i, i + renewedAtOnce)
      const reports = part.map(({ id, leaseToken }) => ({ id, leaseToken, kind: 'alive' as const }))
      const reported = await this.#deps.write((tx) => this.#deps.work.report(tx, reports))
      for (const [j, one] of part.entries()) this.#heard(one, reported[j]!)
    }
  }

  /** Where it has ended, or is to be stopped, another node may have made it so. */
  #heard({ receiver, id, leaseToken }: Held, reported: Reported): void {
    if (receiver.inHand.get(id) !== leaseToken) return
    if ('lost' in reported) {
      receiver.inHand.delete(id)
      receiver.onRoom?.()
    } else if (reported.cancelRequestedAt !== null) receiver.sink.cancel({ execution_id: id })
  }
}

interface Held {
  receiver: Receiver
  id: string
  leaseToken: string
}

function end(receiver: Receiver): void {
  receiver.ended.abort()
  receiver.onRoom?.()
}
