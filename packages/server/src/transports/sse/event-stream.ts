import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Principal } from '../../core/context.ts'
import type { LoggedEvent, Subscription } from '../../events/index.ts'
import type { Credential } from '../credential.ts'
import { drained } from '../drained.ts'
import { createJoin } from '../join.ts'
import type { KeyHolder, KeyWatch } from '../key-watch.ts'
import type { TransportDeps } from '../ports.ts'
import { pump, type StreamTarget } from '../stream-pump.ts'
import { chunkOf } from './chunk.ts'
import { renderBeat, renderBeginning, renderEvent, renderNotice } from './render.ts'

/** What all streams of a server share. */
export interface EventStreamHost {
  deps: TransportDeps
  keys: Pick<KeyWatch, 'add'>
  /** A stream is over. */
  closed(stream: EventStream): void
}

export interface EventStreamOptions {
  request: FastifyRequest
  reply: FastifyReply
  principal: Principal
  credential: Credential
  stream: Subscription
  /** The number of the last event that will ever come, where that is known. */
  lastSeq?: number | undefined
  /** The event after which it is over; undefined: there is none. */
  isLast?: (event: LoggedEvent) => boolean
}

/** What a browser waits before it connects again. */
const retryMs = 3000
/** How much of what was written may wait for the reader before no more is taken from the stream. */
const unsentBytesMax = 1024 * 1024

const joinEvents = createJoin(renderEvent)

/** One answer that is a stream. States: opening -> open (`begin`) -> ended (its last word is said). */
export class EventStream implements StreamTarget, KeyHolder {
  readonly #host: EventStreamHost
  readonly #request: FastifyRequest
  readonly #raw: ServerResponse
  readonly #socket: Socket
  readonly #stream: Subscription
  readonly #isLast: EventStreamOptions['isLast']
  readonly #lastSeq: number | undefined
  #isEnded = false
  /** Whom it was opened for. */
  readonly principal: Principal
  readonly credential: Credential
  /** The last sign of life, by `performance.now()`. */
  beatAt = performance.now()

  constructor(
    host: EventStreamHost,
    { request, reply, principal, credential, stream, isLast, lastSeq }: EventStreamOptions,
  ) {
    this.#host = host
    this.#request = request
    this.#raw = reply.raw
    this.#socket = request.raw.socket
    this.#stream = stream
    this.#isLast = isLast
    this.#lastSeq = lastSeq
    this.principal = principal
    this.credential = host.keys.add(this, credential)
    this.#raw.once('close', () => this.end())
    this.#raw.writeHead(200, headOf(reply))
  }

  begin(): void {
    // The head goes with it.
    this.#raw.write(renderBeginning(retryMs, this.#stream.cursor))
    this.#stream.whenReady(this)
  }

  beat(now: number): void {
    this.beatAt = now
    this.#endBehindLast()
    if (!this.#isEnded) this.write(renderBeat(this.#stream.position()))
  }

  keyChanged(): void {
    this.end('stream.expired', 'key_changed')
  }

  /** Says why, if there is a word for it; once. */
  end(type?: 'stream.expired' | 'stream.shutdown' | 'stream.ended', reason?: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stream.end()
    this.#host.closed(this)
    if (type) this.write(renderNotice(type, { reason }))
    if (this.isFull) this.#raw.destroy()
    else this.#raw.end()
  }

  ready(): void {
    pump(this.#stream, this)
    this.#endBehindLast()
  }

  /** The last event may be gone from the log, so that it never comes. */
  #endBehindLast(): void {
    const position = this.#stream.position()
    if (this.#lastSeq !== undefined && position !== undefined && position >= this.#lastSeq)
      this.end('stream.ended', 'nothing_follows')
  }

  *events(events: readonly LoggedEvent[]): Iterable<Buffer> {
    const last = this.#isLast ? events.findIndex(this.#isLast) : -1
    if (last === -1) return yield* joinEvents(events)
    yield* joinEvents(events.slice(0, last + 1))
    this.end('stream.ended', 'nothing_follows')
  }

  notice(type: 'stream.gap' | 'stream.overflow', data: object): Buffer {
    return renderNotice(type, data)
  }

  /** To the socket of the answer, whose turn it is until it ends. HTTP/1.0 knows no chunks. */
  write(piece: Buffer): void {
    this.#socket.write(this.#raw.chunkedEncoding ? chunkOf(piece) : piece)
  }

  get isFull(): boolean {
    return this.#socket.writableLength > unsentBytesMax
  }

  drained(): Promise<void> {
    return drained(this.#socket, () => this.end())
  }

  ended(cause?: unknown): void {
    const { id, method, url } = this.#request
    if (cause !== undefined) this.#host.deps.onBug(cause, { requestId: id, method, url })
    this.end()
  }
}

function headOf(reply: FastifyReply) {
  return {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  }
}
