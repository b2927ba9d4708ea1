import { setTimeout as pause } from 'node:timers/promises'
import type { ExecutionOrder } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { inParts } from '../core/in-parts.ts'
import { createLoop, failedRestMs, type Loop } from '../core/loop.ts'
import type { Reported, Work, WorkItem } from '../work/index.ts'
import { leaseMarkOf } from './acks-first.ts'
import type { ExecutionRecord } from './record.ts'
import type { Resynced, Return } from './resync.ts'

/** A connection over which a device receives; each of these must not throw. */
export interface Sink {
  /** False: the connection is over, and the order was not sent. */
  execute(order: ExecutionOrder): boolean
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
  /** See `resync`. */
  resync(back: Return): Promise<Resynced>
  /** Left out: there are none. */
  others?: OtherNodes
  onError(cause: unknown): void
}

/** Other nodes over the same state, which may end what is in hand here, or ask for its end. */
export interface OtherNodes {
  /** `hear` is told of executions that are to be stopped there, though maybe not of all. */
  onCancelled(hear: (executionIds: readonly string[]) => void): void
  /** The work as it is committed. */
  find: Work['find']
}

export interface ReceiverOptions {
  /** How many executions the device takes at once. */
  max: number
  have: readonly string[]
  /** See `AcksFirst` in the contract. */
  acksFirst?: boolean | undefined
}

const renewMs = 10_000
const renewedAtOnce = 500
/** How often is looked for what other nodes did of which nothing was heard, and at how many executions each time. */
const lookMs = 2000
const lookedMax = 1000
const heardMax = 10_000

/** An execution in the hands of a connection. */
interface InHand {
  leaseToken: string
  /** Taken: not sent yet, and no attempt unless it is. Again: to be sent to a device that has it. */
  state: 'taken' | 'again' | 'sent'
  isCancelled: boolean
}

interface Receiver {
  deviceId: string
  sink: Sink
  max: number
  acksFirst: boolean | undefined
  /** By execution. */
  inHand: Map<string, InHand>
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
  readonly #looks: Loop
  #looked = 0
  /** What was heard of and is yet to be looked at. */
  #heardOf = new Set<string>()
  #hearing: Promise<void> | undefined
  #isStopped = false

  constructor(deps: ReceiversDeps) {
    this.#deps = deps
    this.#renewals = createLoop({ restMs: renewMs, run: () => this.#renew(), onError: deps.onError })
    this.#looks = createLoop({ restMs: lookMs, run: () => this.look(), onError: deps.onError })
    deps.others?.onCancelled((executionIds) => this.#hear(executionIds))
  }

  start(): void {
    this.#renewals.start()
    if (this.#deps.others) this.#looks.start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const receiver of this.#byDevice.values()) end(receiver)
    await Promise.all([this.#renewals.stop(), this.#looks.stop(), this.#hearing])
  }

  /** How many devices receive here. */
  get size(): number {
    return this.#byDevice.size
  }

  /** Whether a device receives here. */
  has(deviceId: string): boolean {
    return this.#byDevice.has(deviceId)
  }

  /** Whether a connection here has an execution in hand. */
  holds({ deviceId, executionId }: Pick<ExecutionRecord, 'deviceId' | 'executionId'>): boolean {
    return this.#byDevice.get(deviceId)?.inHand.has(executionId) ?? false
  }

  /** Begins to give a device its work; returns what ends that. */
  open(deviceId: string, sink: Sink, { max, have, acksFirst }: ReceiverOptions): () => void {
    const before = this.#byDevice.get(deviceId)
    if (before) {
      end(before)
      const elsewhere = this.elsewhere(deviceId)
      if (elsewhere.size > 0) this.#elsewhere.set(deviceId, elsewhere)
      before.sink.replaced()
    }
    const receiver: Receiver = {
      deviceId,
      sink,
      max,
      acksFirst,
      inHand: new Map(),
      ended: new AbortController(),
      onRoom: undefined,
    }
    this.#byDevice.set(deviceId, receiver)
    void this.#run(receiver, have)
    return () => this.#close(receiver)
  }

  #close(receiver: Receiver): void {
    end(receiver)
    if (this.#byDevice.get(receiver.deviceId) === receiver) this.#byDevice.delete(receiver.deviceId)
  }

  /**
   * What a connection that knows nothing of it is not to end: the lease tokens, by execution, of what another connection of the
   * device has, or had when it was replaced. Nobody renews the latter: if it is not heard of either, its lease ends.
   */
  elsewhere(deviceId: string): Map<string, string> {
    const inHand = [...(this.#byDevice.get(deviceId)?.inHand ?? [])]
    const tokens = inHand.map(([id, { leaseToken }]) => [id, leaseToken] as const)
    return new Map([...(this.#elsewhere.get(deviceId) ?? []), ...tokens])
  }

  /** An execution has changed, with the work behind it. */
  changed({ executionId, deviceId }: ExecutionRecord, item: WorkItem): void {
    if (item.state !== 'running') this.#forget(deviceId, executionId)
    const receiver = this.#byDevice.get(deviceId)
    const held = receiver?.inHand.get(executionId)
    if (!receiver || !held) return
    if (item.state !== 'running' || item.leaseToken !== held.leaseToken) drop(receiver, executionId)
    else if (item.cancelRequestedAt !== null) cancel(receiver, executionId, held)
  }

  async #run(receiver: Receiver, have: readonly string[]): Promise<void> {
    const { signal } = receiver.ended
    for (let known: readonly string[] | undefined = have; !signal.aborted; ) {
      try {
        await this.#giveBack(receiver)
        if (known) await this.#resync(receiver, known)
        known = undefined
        await this.#giveNext(receiver)
      } catch (cause) {
        if (signal.aborted) break
        this.#deps.onError(cause)
        // It may have been given something that could not be answered any more.
        known = [...new Set([...(known ?? []), ...sentTo(receiver)])]
        await pause(failedRestMs, undefined, { signal }).catch(() => {})
      }
    }
    await this.#giveBack(receiver).catch(this.#deps.onError)
  }

  async #resync(receiver: Receiver, have: readonly string[]): Promise<void> {
    const { deviceId, max, acksFirst, inHand } = receiver
    const { held, again, taken } = await this.#deps.resync({
      deviceId,
      have,
      acksFirst,
      elsewhere: this.#elsewhere.get(deviceId) ?? new Map(),
      room: ({ held, again }) => max - held.length - again.length,
    })
    for (const { id } of [...held, ...again]) this.#forget(deviceId, id)
    for (const item of taken) inHand.set(item.id, inHandOf(item, 'taken'))
    for (const item of again) inHand.set(item.id, inHandOf(item, 'again'))
    for (const item of held) {
      const one = inHandOf(item, 'sent')
      inHand.set(item.id, one)
      if (one.isCancelled) cancel(receiver, item.id, one)
    }
    await this.#send(receiver, [...again, ...taken])
  }

  #forget(deviceId: string, executionId: string): void {
    const elsewhere = this.#elsewhere.get(deviceId)
    elsewhere?.delete(executionId)
    if (elsewhere?.size === 0) this.#elsewhere.delete(deviceId)
  }

  async #giveNext(receiver: Receiver): Promise<void> {
    const { deviceId, max, acksFirst, inHand, ended } = receiver
    if (inHand.size >= max) {
      const room = Promise.withResolvers<void>()
      receiver.onRoom = room.resolve
      await room.promise
      receiver.onRoom = undefined
      return
    }
    const queues = [{ kind: 'command', queue: deviceId } as const]
    const wanted = { queues, worker: deviceId, max: max - inHand.size, mark: leaseMarkOf(acksFirst) }
    const taken = await this.#deps.work.lease(wanted, ended.signal)
    for (const item of taken) inHand.set(item.id, inHandOf(item, 'taken'))
    await this.#send(receiver, taken)
  }

  /** Sends what is in hand. Of what is cancelled by then, what the device does not have is not sent. */
  async #send(receiver: Receiver, items: readonly WorkItem[]): Promise<void> {
    const { inHand, sink, ended } = receiver
    try {
      for (const order of await this.#deps.ordersOf(items)) {
        if (ended.signal.aborted) break
        const id = order.execution_id
        const held = inHand.get(id)
        if (held?.leaseToken !== order.lease_token || (held.isCancelled && held.state === 'taken')) continue
        if (!sink.execute(order)) {
          this.#close(receiver)
          break
        }
        held.state = 'sent'
        if (held.isCancelled) cancel(receiver, id, held)
        const room = sink.room()
        if (room) await room
      }
    } finally {
      for (const [id, { state }] of inHand) if (state === 'again') inHand.delete(id)
    }
    await this.#giveBack(receiver)
  }

  /** What certainly was not sent goes to the next connection that asks, or ends if it is cancelled, and was no attempt. */
  async #giveBack({ inHand }: Receiver): Promise<void> {
    const unsent = [...inHand].filter(([, { state }]) => state === 'taken')
    if (unsent.length === 0) return
    const reports = unsent.map(([id, { leaseToken }]) => ({ id, leaseToken, kind: 'unheard' as const }))
    await this.#deps.write((tx) => this.#deps.work.report(tx, reports))
    for (const [id, one] of unsent) if (inHand.get(id) === one) inHand.delete(id)
  }

  async #renew(): Promise<void> {
    const held = [...this.#byDevice.values()].flatMap((receiver) =>
      [...receiver.inHand].map(([id, one]) => ({ receiver, id, one })),
    )
    for (const part of inParts(held, renewedAtOnce)) {
      const reports = part.map(({ id, one }) => ({ id, leaseToken: one.leaseToken, kind: 'alive' as const }))
      const reported = await this.#deps.write((tx) => this.#deps.work.report(tx, reports))
      for (const [j, one] of part.entries()) this.#heard(one, reported[j]!)
    }
  }

  /**
   * Looks at some of what is in hand here, the next time at those that follow: other nodes may have ended it, or asked for its
   * end. The loop does so by itself.
   */
  async look(): Promise<void> {
    const all = [...this.#held()]
    const from = this.#looked < all.length ? this.#looked : 0
    this.#looked = from + lookedMax
    await this.#lookAt(all.slice(from, this.#looked))
  }

  /** What is too much is found by the next looks. */
  #hear(executionIds: readonly string[]): void {
    for (const id of executionIds) if (this.#heardOf.size < heardMax) this.#heardOf.add(id)
    this.#hearing ??= this.#lookAtHeard()
      .catch(this.#deps.onError)
      .finally(() => {
        this.#hearing = undefined
      })
  }

  async #lookAtHeard(): Promise<void> {
    while (this.#heardOf.size > 0 && !this.#isStopped) {
      const heard = this.#heardOf
      this.#heardOf = new Set()
      await this.#lookAt([...this.#held()].filter(({ id }) => heard.has(id)))
    }
  }

  /** What connections have in hand, and what those had that were replaced. */
  *#held(): Generator<Held> {
    for (const receiver of this.#byDevice.values())
      for (const [id, one] of receiver.inHand) yield { id, leaseToken: one.leaseToken, in: { receiver, id, one } }
    for (const [deviceId, had] of this.#elsewhere)
      for (const [id, leaseToken] of had) yield { id, leaseToken, replacedOf: deviceId }
  }

  async #lookAt(held: readonly Held[]): Promise<void> {
    const { others } = this.#deps
    for (const part of others ? inParts(held, renewedAtOnce) : []) {
      const found = await others!.find(part.map(({ id }) => id))
      const running = new Map(found.filter(({ state }) => state === 'running').map((item) => [item.id, item]))
      for (const one of part) {
        const item = running.get(one.id)
        this.#looksLike(one, item?.leaseToken === one.leaseToken ? item : undefined)
      }
    }
  }

  /** `item` undefined: it has ended, or is in other hands. */
  #looksLike(held: Held, item: WorkItem | undefined): void {
    if (held.replacedOf !== undefined) {
      if (!item) this.#forget(held.replacedOf, held.id)
    } else if (!item || !held.in.one.isCancelled) this.#heard(held.in, item ?? { id: held.id, lost: true })
  }

  /** Where it has ended, or is to be stopped, another node may have made it so. */
  #heard({ receiver, id, one }: Renewed, reported: Reported): void {
    if (receiver.inHand.get(id) !== one) return
    if ('lost' in reported) drop(receiver, id)
    else if (reported.cancelRequestedAt !== null) cancel(receiver, id, one)
  }
}

interface Renewed {
  receiver: Receiver
  id: string
  one: InHand
}

/** `replacedOf`: the device whose connection had it in hand when it was replaced. */
type Held = { id: string; leaseToken: string } & (
  | { in: Renewed; replacedOf?: undefined }
  | { in?: undefined; replacedOf: string }
)

function inHandOf({ leaseToken, cancelRequestedAt }: WorkItem, state: InHand['state']): InHand {
  return { leaseToken: leaseToken!, state, isCancelled: cancelRequestedAt !== null }
}

function sentTo({ inHand }: Receiver): string[] {
  return [...inHand].filter(([, { state }]) => state === 'sent').map(([id]) => id)
}

function drop(receiver: Receiver, executionId: string): void {
  receiver.inHand.delete(executionId)
  receiver.onRoom?.()
}

/** Tells the device; of what is not sent yet, once it is. */
function cancel({ sink }: Receiver, execution_id: string, held: InHand): void {
  held.isCancelled = true
  if (held.state === 'sent') sink.cancel({ execution_id })
}

function end(receiver: Receiver): void {
  receiver.ended.abort()
  receiver.onRoom?.()
}
