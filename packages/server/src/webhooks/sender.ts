import { newId } from '../core/ids.ts'
import { createLoop } from '../core/loop.ts'
import type { ClaimedDelivery, DueDelivery, Lanes, Settlement, WebhookStore } from './ports.ts'
import type { Post, PostResult } from './post.ts'
import { settlementOf } from './settlement.ts'
import { signatureHeaders } from './signature.ts'

export interface SenderDeps {
  store: WebhookStore
  /** Sends one message; see `post.ts`. */
  send(message: Post, signal: AbortSignal): Promise<PostResult>
  now(): number
  /** 0 to 1. */
  random(): number
  /** How many attempts are under way at once, in all and to one host. */
  concurrency: number
  concurrencyPerHost: number
  /** How many a key has under way, at most, for each that is free; the first of a key needs but one that is free. */
  perFreeOfKey: number
  /** Longer than an attempt takes: a process that is silent for so long has lost what it held. */
  leaseMs: number
  onError(cause: unknown): void
}

export interface Sender {
  /** Something is due. */
  wake(): void
  start(): void
  /** Begins no more attempts; those under way have the grace to end, and are then as if they had not begun. */
  stop(graceMs: number): Promise<void>
}

/** When all that was due was in the hands of others. */
const contendedMs = 100
const sleepMsMax = 2 ** 31 - 1

/**
 * Takes what is due from the outbox and sends it, as many at once as are permitted in all, to each host and of each key, so
 * that hosts that don't answer hold up nobody else, nor do keys that send to many of them: the less is free, the less a key may
 * have. Sleeps until the next is due. A delivery is leased in the store before it is sent: no other node sends it too, and what
 * a process had in hand when it was killed is sent again once its lease is over.
 */
export function createSender(deps: SenderDeps): Sender {
  const { store, now, concurrency } = deps
  const underWay = new Map<string, DueDelivery & { done: Promise<void> }>()
  const cut = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let reclaimed = false

  const fullLanes = (more: readonly DueDelivery[] = []) => lanesThatAreFull([...underWay.values(), ...more], deps)
  const free = () => concurrency - underWay.size

  const begin = (delivery: ClaimedDelivery) => {
    const done = deliver(deps, delivery, cut.signal)
      .catch(deps.onError)
      .finally(() => {
        underWay.delete(delivery.deliveryId)
        loop.wake()
      })
    underWay.set(delivery.deliveryId, { ...delivery, done })
  }
  const takeDue = async (): Promise<'taken' | 'none' | 'contended'> => {
    const due = await store.due(now(), free() * 2, fullLanes())
    const taken: DueDelivery[] = []
    for (const one of due) {
      const { hosts, keys } = fullLanes(taken)
      const hasRoom = taken.length < free() && !hosts.includes(one.host) && !keys.includes(one.keyId)
      // What this process still holds although its lease is over would take its own place.
      if (hasRoom && !underWay.has(one.deliveryId)) taken.push(one)
    }
    if (taken.length === 0) return due.length === 0 ? 'none' : 'contended'
    const ids = taken.map(({ deliveryId }) => deliveryId)
    const lease = { now: now(), until: now() + deps.leaseMs, leaseToken: newId('lease') }
    const claimed = await store.write((tx) => store.claim(tx, ids, lease))
    for (const delivery of claimed) begin(delivery)
    return claimed.length === 0 ? 'contended' : 'taken'
  }
  const turn = async (signal: AbortSignal) => {
    clearTimeout(timer)
    if (!reclaimed) await store.reclaim(now())
    reclaimed = true
    let found: Awaited<ReturnType<typeof takeDue>> = 'taken'
    while (found === 'taken' && free() > 0 && !signal.aborted) found = await takeDue()
    // Whoever ends makes room, and wakes the loop.
    if (free() === 0 || signal.aborted) return
    const next = await store.nextDue(fullLanes())
    if (next === undefined) return
    const ms = Math.max(found === 'contended' ? contendedMs : 0, next - now())
    timer = setTimeout(loop.wake, Math.min(ms, sleepMsMax))
  }
  const loop = createLoop({ run: turn, onError: deps.onError })

  return {
    wake: loop.wake,
    start() {
      loop.start()
      loop.wake()
    },
    async stop(graceMs) {
      await loop.stop()
      clearTimeout(timer)
      const grace = setTimeout(() => cut.abort(), graceMs)
      await Promise.all([...underWay.values()].map(({ done }) => done))
      clearTimeout(grace)
    },
  }
}

type Bounds = Pick<SenderDeps, 'concurrency' | 'concurrencyPerHost' | 'perFreeOfKey'>

/**
 * Of keys by the dynamic thresholds of Choudhury and Hahne (IEEE/ACM Transactions on Networking 6(2), 1998): one that has
 * nothing under way finds something free, however many hosts a few others name.
 */
function lanesThatAreFull(all: readonly DueDelivery[], bounds: Bounds): Lanes {
  const free = bounds.concurrency - all.length
  const withAtLeast = (count: number, nameOf: (one: DueDelivery) => string) =>
    [...Map.groupBy(all, nameOf)].filter(([, of]) => of.length >= count).map(([name]) => name)
  return {
    hosts: withAtLeast(bounds.concurrencyPerHost, ({ host }) => host),
    keys: withAtLeast(bounds.perFreeOfKey * free, ({ keyId }) => keyId),
  }
}

async function deliver(deps: SenderDeps, delivery: ClaimedDelivery, cut: AbortSignal): Promise<void> {
  const { store, now } = deps
  const settlement = await attempt(deps, delivery, cut)
  await store.write(async (tx) => {
    const isKept = await store.settle(tx, delivery, settlement, now())
    if (isKept && settlement.status === 'failed' && settlement.error === 'gone')
      await store.failWaiting(tx, delivery, 'gone', now())
  })
}

async function attempt(deps: SenderDeps, delivery: ClaimedDelivery, cut: AbortSignal): Promise<Settlement> {
  const { eventId: id, body, url, traceId } = delivery
  const secret = await deps.store.secret(delivery.keyId)
  if (!secret) throw new Error(`The key ${delivery.keyId} of the delivery ${delivery.deliveryId} has no secret`)
  const headers = signatureHeaders(secret, { id, body, now: deps.now() })
  try {
    const result = await deps.send({ url, body, headers, traceId }, cut)
    return settlementOf(delivery, result, deps.now(), deps.random())
  } catch (cause) {
    if (cut.aborted) return { status: 'released' }
    throw cause
  }
}
