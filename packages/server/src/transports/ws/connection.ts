import type { Duplex } from 'node:stream'
import {
  type ClientEnvelope,
  type CloseCode,
  type CommandInput,
  type CommandSubmitted,
  type DeviceHello,
  type DeviceReportType,
  deviceReports,
  type Invoke,
  type Subscribe,
  websocketLimits,
  websocketPath,
} from '@nexus/contract'
import type { WebSocket } from 'ws'
import type { Principal } from '../../core/context.ts'
import { type Failure, fail } from '../../core/failure.ts'
import { callCtx, callerGone, requestIdOf } from '../call.ts'
import type { Credential } from '../credential.ts'
import { toFailure } from '../error-answer.ts'
import type { TransportDeps } from '../ports.ts'
import { DeviceLink } from './device-link.ts'
import { readEnvelope, readMessage } from './incoming.ts'
import { type Invoked, invokeOperation } from './invoke-operation.ts'
import { MessageRate } from './message-rate.ts'
import { Outbox, type OutboxOwner } from './outbox.ts'
import { errorPayload } from './outgoing.ts'
import { Subscriptions } from './subscriptions.ts'

export interface ConnectionOptions {
  ws: WebSocket
  socket: Duplex
  credential: Credential
  /** Whether the client's messages are counted. */
  limited: boolean
}

/** A message under way. */
interface Call {
  id: string | undefined
  requestId: string
}

/** How a `WebSocket` finds its connection: listeners of its own would be five closures for each of many thousands. */
const owner = Symbol('connection')
type Owned = WebSocket & { [owner]: Connection }

/** One WebSocket. States: open -> closing (nothing is said or done any more) -> closed. */
export class Connection implements OutboxOwner {
  readonly #deps: TransportDeps
  readonly #ws: WebSocket
  readonly #credential: Credential
  readonly #limited: boolean
  readonly #outbox: Outbox
  #subscriptions: Subscriptions | undefined
  #rate: MessageRate | undefined
  #calls = 0
  #refusedSubscriptions = 0
  #gone: AbortController | undefined
  #device: DeviceLink | undefined
  /** Commands of this connection whose end it waits for. */
  #awaited = 0
  readonly socket: Duplex
  /** When the client was heard last, by `performance.now()`. */
  heardAt = performance.now()

  constructor(deps: TransportDeps, { ws, socket, credential, limited }: ConnectionOptions) {
    this.#deps = deps
    this.#ws = ws
    this.#credential = credential
    this.#limited = limited
    this.socket = socket
    this.#outbox = new Outbox(this)
    ;(ws as Owned)[owner] = this
    ws.on('message', onMessage).on('pong', onAlive).on('ping', onAlive).on('close', onClose)
    // What the client did wrong is told by the close code.
    ws.on('error', ignored)
  }

  now(): number {
    return this.#deps.now()
  }

  get isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN
  }

  onSlow(): void {
    this.close(1008, 'slow_reader')
  }

  /** Asks for a sign of life. */
  ping(): void {
    this.#ws.ping()
    this.#subscriptions?.tellCursors()
  }

  /** The key is no longer valid, or permits less than it did. */
  expire(): void {
    this.close(1008, 'key_changed', 'stream.expired')
  }

  /** Says why, if there is a word for it, and goodbye; nothing, once it is closing. What is under way is given up. */
  close(code: CloseCode, reason: string, type?: 'stream.expired' | 'stream.shutdown'): void {
    if (!this.isOpen) return
    if (type) this.#outbox.notify({ type, payload: { reason } })
    this.#ws.close(code, reason)
    // Of a flood nothing more is read, not even the answer to the goodbye.
    if (code === 4001) this.#ws.pause()
    this.end()
  }

  /** Gives up what is under way. */
  end(): void {
    this.#subscriptions?.endAll()
    this.#device?.close()
    this.#gone?.abort(callerGone())
  }

  heard(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return
    const envelope = isBinary ? undefined : this.#read(data)
    if (isBinary) this.close(1003, 'binary_message')
    if (!envelope) return
    const call = { id: envelope.id, requestId: requestIdOf(undefined) }
    const rate = this.#limited ? this.#takeMessage() : 'taken'
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
        return this.#outbox.answer(call.id, { type: 'pong' })
      case 'unsubscribe':
        return this.#unsubscribe(call, payload as { subscription_id: string })
      case 'invoke':
        return this.#invoke(call, payload as Invoke)
      case 'command':
        return this.#command(call, payload as CommandInput)
      case 'device.hello':
        return this.#hello(call, payload as DeviceHello)
      default:
        return this.#report(call, type as DeviceReportType, payload as Record<string, unknown>)
    }
  }

  async #subscribe(call: Call, envelope: ClientEnvelope): Promise<void> {
    try {
      const { payload } = readMessage(envelope)
      const { begun, run } = await this.#opened().begin(await this.#identify(), payload as Subscribe)
      this.#outbox.answer(call.id, { type: 'subscribed', payload: begun })
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
    this.#subscriptions ??= new Subscriptions({
      events: this.#deps.events,
      outbox: this.#outbox,
      now: this.#deps.now,
      onBug: (cause) => this.#fail(cause),
    })
    return this.#subscriptions
  }

  #unsubscribe({ id }: Call, { subscription_id }: { subscription_id: string }): void {
    if (!this.#subscriptions?.end(subscription_id))
      throw fail('NOT_FOUND', { field: 'subscription_id', issue: 'names no subscription of this connection' })
    this.#outbox.answer(id, { type: 'unsubscribed', payload: { subscription_id } })
  }

  async #invoke(call: Call, invoke: Invoke): Promise<void> {
    const payload = await this.#perform(call, invoke)
    this.#outbox.answer(call.id, { type: 'invoked', payload })
  }

  async #perform({ requestId }: Call, call: Invoke): Promise<Invoked> {
    if (this.#calls >= websocketLimits.calls) throw tooManyCalls()
    this.#calls++
    try {
      const { signal } = this.#lasting
      return await invokeOperation(this.#deps, await this.#identify(), call, { requestId, signal })
    } finally {
      this.#calls--
    }
  }

  /** Aborted when the connection ends. */
  get #lasting(): AbortController {
    this.#gone ??= new AbortController()
    return this.#gone
  }

  /** Says at once that the command is accepted, and how it ended when it has. */
  async #command(call: Call, input: CommandInput): Promise<void> {
    if (this.#awaited >= websocketLimits.commands) throw tooManyCommands()
    this.#awaited++
    try {
      const { output } = await this.#perform(call, { operation: 'commands.execute', input: { ...input, async: true } })
      const accepted = output as CommandSubmitted
      this.#outbox.answer(call.id, { type: 'command.accepted', payload: accepted })
      const ended = await this.#deps.commands.end(accepted.command_id, this.#lasting.signal)
      if (!ended) return
      const { command_id, status, result, error, summary } = ended
      this.#outbox.notify({ type: 'command.result', payload: { command_id, status, result, error, summary } })
    } finally {
      this.#awaited--
    }
  }

  async #hello(call: Call, hello: DeviceHello): Promise<void> {
    const principal = await this.#identify()
    const ctx = callCtx(principal, call.requestId, undefined, { now: this.#deps.now, signal: this.#lasting.signal })
    if (!this.isOpen) return
    this.#device ??= new DeviceLink(this.#deps, this.#outbox)
    const payload = { device_id: hello.device_id }
    this.#device.open(ctx, hello, () => this.#outbox.answer(call.id, { type: 'device.welcome', payload }))
  }

  /** What a device says of an execution: an operation under a name of its own. */
  async #report(call: Call, type: DeviceReportType, input: Record<string, unknown>): Promise<void> {
    const { output } = await this.#perform(call, { operation: deviceReports[type], input })
    this.#outbox.answer(call.id, { type: 'command.confirmed', payload: output })
  }

  /** Who it is now: a key may do no more over a connection than over HTTP. */
  async #identify(): Promise<Principal> {
    try {
      return await this.#credential.identify()
    } catch (cause) {
      if (toFailure(cause).code === 'UNAUTHORIZED') this.expire()
      throw cause
    }
  }

  #refuse({ id, requestId }: Call, cause: unknown): void {
    const failure = toFailure(cause)
    if (failure.code === 'INTERNAL_ERROR' || failure.cause) this.#tell(failure.cause ?? failure, requestId)
    this.#outbox.answer(id, { type: 'error', payload: errorPayload(failure, requestId) })
  }

  #fail(cause: unknown): void {
    this.#tell(cause, requestIdOf(undefined))
    this.close(1011, 'internal_error')
  }

  #tell(cause: unknown, requestId: string): void {
    this.#deps.onBug(cause, { requestId, method: 'WebSocket', url: websocketPath })
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
  ;(this as Owned)[owner].end()
}

function ignored(): void {}

function tooManyMessages(): Failure {
  const { messagesPerSecond: limit, messagesBurst } = websocketLimits
  const issue = `at most ${limit} messages a second, ${messagesBurst} at once: this one was not acted on`
  return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_messages', limit, issue }, { retryAfterSeconds: 1 })
}

function tooManyCommands(): Failure {
  const limit = websocketLimits.commands
  const issue = `${limit} commands of this connection have not ended: wait for one of them, or use POST /v1/commands/execute`
  return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_commands', limit, issue }, { retryAfterSeconds: 1 })
}

function tooManyCalls(): Failure {
  const limit = websocketLimits.calls
  const issue = `${limit} calls of this connection are under way: wait for one of them`
  return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_calls', limit, issue }, { retryAfterSeconds: 1 })
}
