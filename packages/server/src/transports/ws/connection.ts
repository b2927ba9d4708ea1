import type { Duplex } from 'node:stream'
import {
  type ClientEnvelope,
  type CloseCode,
  type CommandInput,
  type DeviceHello,
  type Invoke,
  type Subscribe,
  websocketLimits,
  websocketPath,
} from '@nexus/contract'
import type { WebSocket } from 'ws'
import type { Principal } from '../../core/context.ts'
import { type Failure, fail } from '../../core/failure.ts'
import { callerGone, requestIdOf } from '../call.ts'
import type { Credential } from '../credential.ts'
import { toFailure } from '../error-answer.ts'
import type { KeyHolder, KeyWatch } from '../key-watch.ts'
import type { TransportDeps } from '../ports.ts'
import { readEnvelope, readMessage } from './incoming.ts'
import { type Invoked, invokeOperation } from './invoke-operation.ts'
import { MessageRate } from './message-rate.ts'
import type { SubscriptionsOwner } from './open-subscription.ts'
import { Outbox, type OutboxOwner } from './outbox.ts'
import { errorPayload } from './outgoing.ts'
import { Subscriptions } from './subscriptions.ts'
import { type Call, WorkMessages, type WorkOwner } from './work-messages.ts'

/** What all connections of a server share. */
export interface ConnectionHost {
  deps: TransportDeps
  /** Whether the clients' messages are counted. */
  limited: boolean
  keys: Pick<KeyWatch, 'add'>
  /** A connection is over. */
  closed(connection: Connection): void
}

export interface ConnectionOptions {
  ws: WebSocket
  socket: Duplex
  principal: Principal
  credential: Credential
}

/** How a `WebSocket` finds its connection: listeners of its own would be five closures for each of many thousands. */
const owner = Symbol('connection')
type Owned = WebSocket & { [owner]: Connection }

/** One WebSocket. States: open -> closing (nothing is said or done any more) -> closed. */
export class Connection implements OutboxOwner, SubscriptionsOwner, WorkOwner, KeyHolder {
  readonly #host: ConnectionHost
  readonly #ws: WebSocket
  #subscriptions: Subscriptions | undefined
  #rate: MessageRate | undefined
  #calls = 0
  #refusedSubscriptions = 0
  #gone: AbortController | undefined
  #work: WorkMessages | undefined
  readonly socket: Duplex
  readonly outbox: Outbox
  /** Whom it was opened for. */
  readonly principal: Principal
  readonly credential: Credential
  /** When the client was heard last, by `performance.now()`; the same of pings. */
  heardAt = performance.now()
  pingedAt = this.heardAt

  constructor(host: ConnectionHost, { ws, socket, principal, credential }: ConnectionOptions) {
    this.#host = host
    this.#ws = ws
    this.socket = socket
    this.principal = principal
    this.outbox = new Outbox(this)
    this.credential = host.keys.add(this, credential)
    ;(ws as Owned)[owner] = this
    ws.on('message', onMessage).on('pong', onAlive).on('ping', onAlive).on('close', onClose)
    // What the client did wrong is told by the close code.
    ws.on('error', ignored)
  }

  get deps(): TransportDeps {
    return this.#host.deps
  }

  get events(): TransportDeps['events'] {
    return this.#host.deps.events
  }

  now(): number {
    return this.#host.deps.now()
  }

  get isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN
  }

  onSlow(): void {
    this.close(1008, 'slow_reader')
  }

  onBug(cause: unknown): void {
    this.#tell(cause, requestIdOf(undefined))
    this.close(1011, 'internal_error')
  }

  /** Asks for a sign of life. */
  ping(): void {
    this.#ws.ping()
    this.#subscriptions?.tellCursors()
  }

  /** The key is no longer valid, or permits less than it did. */
  keyChanged(): void {
    this.close(1008, 'key_changed', 'stream.expired')
  }

  /** Says why, if there is a word for it, and goodbye; nothing, once it is closing. What is under way is given up. */
  close(code: CloseCode, reason: string, type?: 'stream.expired' | 'stream.shutdown'): void {
    if (!this.isOpen) return
    if (type) this.outbox.notify({ type, payload: { reason } })
    this.#ws.close(code, reason)
    // Of a flood nothing more is read, not even the answer to the goodbye.
    if (code === 4001) this.#ws.pause()
    this.#giveUp()
  }

  closed(): void {
    this.#giveUp()
    this.#host.closed(this)
  }

  #giveUp(): void {
    this.#subscriptions?.endAll()
    this.#work?.end()
    this.#gone?.abort(callerGone())
  }

  heard(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return
    const envelope = isBinary ? undefined : this.#read(data)
    if (isBinary) this.close(1003, 'binary_message')
    if (!envelope) return
    const call = { id: envelope.id, requestId: requestIdOf(undefined) }
    const rate = this.#host.limited ? this.#takeMessage() : 'taken'
    if (rate === 'exceeded') this.close(4001, 'too_many_messages')
    else if (rate === 'refused') this.#refuse(call, tooManyMessages())
    else this.#serve(call, envelope).catch((cause) => this.#refuse(call, cause))
  }

  #takeMessage() {
    this.#rate ??= new MessageRate(this.heardAt)
    return this.#rate.take(this.heardAt)
  }

  #read(data: Buffer): ClientEnvelope | undefined {
    try {
      return readEnvelope(data.toString())
    } catch (cause) {
      this.#refuse({ id: undefined, requestId: requestIdOf(undefined) }, cause)
      this.close(1002, 'malformed_message')
      return undefined
    }
  }

  async #serve(call: Call, envelope: ClientEnvelope): Promise<void> {
    if (envelope.type === 'subscribe') return this.#subscribe(call, envelope)
    const { type, payload } = readMessage(envelope)
    switch (type) {
      case 'ping':
        return this.outbox.answer(call.id, { type: 'pong' })
      case 'unsubscribe':
        return this.#unsubscribe(call, payload as { subscription_id: string })
      case 'invoke':
        return this.#invoke(call, payload as Invoke)
      case 'command':
        return this.#worker().command(call, payload as CommandInput)
      case 'device.hello':
        return this.#worker().hello(call, payload as DeviceHello)
      case 'subscribe':
        throw new Error('served before')
      default:
        return this.#worker().report(call, type, payload as Record<string, unknown>)
    }
  }

  async #subscribe(call: Call, envelope: ClientEnvelope): Promise<void> {
    try {
      const { payload } = readMessage(envelope)
      const principal = await this.identify()
      if (!this.isOpen) return
      const { begun, run } = await this.#opened().begin(principal, payload as Subscribe)
      this.outbox.answer(call.id, { type: 'subscribed', payload: begun })
      run()
    } catch (cause) {
      const { code } = toFailure(cause)
      this.#refuse(call, cause)
      if (code !== 'INVALID_REQUEST' && code !== 'FORBIDDEN') return
      if (++this.#refusedSubscriptions >= websocketLimits.refusedSubscriptions)
        this.close(4002, 'invalid_subscriptions')
    }
  }

  #opened(): Subscriptions {
    this.#subscriptions ??= new Subscriptions(this)
    return this.#subscriptions
  }

  #unsubscribe({ id }: Call, { subscription_id }: { subscription_id: string }): void {
    if (!this.#subscriptions?.end(subscription_id))
      throw fail('NOT_FOUND', { field: 'subscription_id', issue: 'names no subscription of this connection' })
    this.outbox.answer(id, { type: 'unsubscribed', payload: { subscription_id } })
  }

  async #invoke(call: Call, invoke: Invoke): Promise<void> {
    const payload = await this.perform(call, invoke)
    this.outbox.answer(call.id, { type: 'invoked', payload })
  }

  #worker(): WorkMessages {
    this.#work ??= new WorkMessages(this)
    return this.#work
  }

  /** Calls an operation for the client. Errors: those of the operation, RATE_LIMIT_EXCEEDED (`too_many_calls`). */
  async perform(call: Call, invoke: Invoke): Promise<Invoked> {
    if (this.#calls >= websocketLimits.calls) throw tooManyCalls()
    return this.#run(call, invoke)
  }

  /** The same without a refusal: while so many are under way no more is read. */
  performInTurn(call: Call, invoke: Invoke): Promise<Invoked> {
    if (this.#calls + 1 >= websocketLimits.calls) this.#ws.pause()
    return this.#run(call, invoke)
  }

  async #run({ requestId }: Call, invoke: Invoke): Promise<Invoked> {
    this.#calls++
    try {
      const { signal } = this
      return await invokeOperation(this.#host.deps, await this.identify(), invoke, { requestId, signal })
    } finally {
      this.#calls--
      if (this.#ws.isPaused && this.isOpen && this.#calls < websocketLimits.calls) this.#ws.resume()
    }
  }

  /** Aborted when the connection ends. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController()
    return this.#gone.signal
  }

  /** Who it is now: a key may do no more over a connection than over HTTP. */
  async identify(): Promise<Principal> {
    try {
      return await this.credential.identify()
    } catch (cause) {
      if (toFailure(cause).code === 'UNAUTHORIZED') this.keyChanged()
      throw cause
    }
  }

  #refuse({ id, requestId }: Call, cause: unknown): void {
    const failure = toFailure(cause)
    if (failure.code === 'INTERNAL_ERROR' || failure.cause) this.#tell(failure.cause ?? failure, requestId)
    this.outbox.answer(id, { type: 'error', payload: errorPayload(failure, requestId) })
  }

  #tell(cause: unknown, requestId: string): void {
    this.#host.deps.onBug(cause, { requestId, method: 'WebSocket', url: websocketPath })
  }
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  onAlive.call(this)
  ;(this as Owned)[owner].heard(data as Buffer, isBinary)
}

function onAlive(this: WebSocket): void {
  ;(this as Owned)[owner].heardAt = performance.now()
}

function onClose(this: WebSocket): void {
  ;(this as Owned)[owner].closed()
}

function ignored(): void {}

function tooManyMessages(): Failure {
  const { messagesPerSecond: limit, messagesBurst } = websocketLimits
  const issue = `at most ${limit} messages a second, ${messagesBurst} at once: this one was not acted on`
  return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_messages', limit, issue }, { retryAfterSeconds: 1 })
}

function tooManyCalls(): Failure {
  const limit = websocketLimits.calls
  const issue = `${limit} calls of this connection are under way: wait for one of them`
  return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_calls', limit, issue }, { retryAfterSeconds: 1 })
}
