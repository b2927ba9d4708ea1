import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { WebhookDelivery } from '@nexus/contract'
import { createWebhookStore, openSealer, openState } from '../../storage/state/index.ts'
import { type EngineUnderTest, temporaryFolder } from '../../storage/state/testing/engines-under-test.ts'
import { testClock } from '../../testing/telemetry-room.ts'
import { until } from '../../testing/until.ts'
import { createWebhooks, type WebhookMessage, type WebhookOptions } from '../index.ts'
import type { Post, PostResult } from '../post.ts'
import { createSender, type Sender, type SenderDeps } from '../sender.ts'

export const traceId = '0'.repeat(32)

/** How a fake receiver answers; `late` keeps the sender waiting until it is resolved. */
export type Answer = Partial<PostResult> | Promise<Partial<PostResult>>

/** The room on a real engine, with a clock that the test turns and senders whose receivers are told what to answer. */
export async function openOutbox(t: TestContext, { fresh }: EngineUnderTest) {
  const clock = testClock()
  const now = () => clock.now()
  const masterKey = join(temporaryFolder(t), 'master.key')
  const running: Pick<Sender, 'stop'>[] = []
  const engines: { close(): Promise<void> }[] = []
  t.after(async () => {
    for (const each of running) await each.stop(0)
    for (const each of engines) await each.close()
  })
  // After that, for what is registered first is done first: the state goes when nobody has it any more.
  const options = await fresh(t)
  const open = async () => {
    const engine = await openState(options)
    engines.push(engine)
    const sealer = await openSealer(engine, { file: masterKey, now: 0 })
    return { engine, store: createWebhookStore(engine, sealer) }
  }
  const { engine, store } = await open()
  /** Another node on the same state; in SQLite there is but one, so it is this one again. */
  const openAnother = async () => (engine.kind === 'sqlite' ? store : (await open()).store)
  const onError = (cause: unknown) => t.diagnostic(String(cause))

  const roomOver = (over: typeof store, more: Partial<WebhookOptions> = {}) => {
    const limits = { keepMs: 86_400_000, keepMax: 1000, waitingMax: 1000 }
    const resolve = async () => []
    return createWebhooks({ store: over, now, allowCidrs: ['127.0.0.1'], resolve, onError, ...limits, ...more })
  }
  const outbox = roomOver(store)
  running.push(outbox)

  /** A node of its own; what it sends is answered by `answer`. */
  const startSender = (answer: (post: Post) => Answer, more: Partial<SenderDeps> = {}) => {
    const sent: Post[] = []
    const send = async (post: Post, signal: AbortSignal): Promise<PostResult> => {
      sent.push(post)
      const cut = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      const told = await Promise.race([answer(post), cut])
      return { error: null, statusCode: 204, response: null, isWhole: true, retryAfterMs: 0, ...told }
    }
    const limits = { concurrency: 8, concurrencyPerHost: 2, perFreeOfKey: 1000, leaseMs: 60_000 }
    const sender = createSender({ store, send, now, random: () => 0.5, onError, ...limits, ...more })
    sender.start()
    running.push(sender)
    return { ...sender, sent }
  }

  const enqueueAll = (messages: readonly Partial<WebhookMessage>[], room = outbox) => {
    const usual = {
      keyId: 'key-a',
      url: 'https://hooks.example/a',
      eventId: 'evt-1',
      type: 'command.completed',
      payload: {},
    }
    const all = messages.map((message) => ({ ...usual, ...message }))
    return store.write((tx) => room.enqueue({ tx, traceId }, all))
  }
  const enqueue = async (message: Partial<WebhookMessage> = {}, room = outbox) => {
    const [id] = await enqueueAll([message], room)
    return id!
  }
  const reaches = (deliveryId: string, is: (delivery: WebhookDelivery) => boolean) =>
    until(`the delivery ${deliveryId} is as expected`, async () => {
      const found = await store.find(deliveryId)
      return found && is(found) && found
    })
  const ends = (deliveryId: string) => reaches(deliveryId, ({ ended_at }) => ended_at !== null)
  return {
    engine,
    store,
    clock,
    outbox,
    options,
    openAnother,
    roomOver,
    startSender,
    enqueue,
    enqueueAll,
    reaches,
    ends,
  }
}
