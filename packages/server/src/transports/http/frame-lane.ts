import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { operations } from '@nexus/contract'
import type { FastifyInstance } from 'fastify'
import { requestIdOf } from '../call.ts'
import { securityHeaders } from '../headers.ts'
import type { TransportDeps } from '../ports.ts'
import { answerFailure } from './answer-failure.ts'
import { takeFrame } from './ingest.ts'
import { type LastHead, type PlainRequest, readPlainRequest } from './plain-request.ts'

export interface FrameLaneOptions {
  /** The event of the server that hands out connections. */
  event: 'connection' | 'secureConnection'
  /** How long a new connection may say nothing. */
  silentMs: number
  /** How long a connection may rest between two requests. */
  idleMs: number
  refuse(error: Error & { code?: string }, socket: Socket): void
}

const send = operations['telemetry.frames.send']
const url = '/v1/telemetry/frames'
const requestLine = `POST ${url} HTTP/1.1`
/** How long a connection that is to end may hold that up by not reading. */
const endingMs = 2000
/** How many requests of a connection may be under way before no more are read. */
const slotsMax = 64

/**
 * A shorter way for single frames, which come by the ten thousand: Node's HTTP parser and its streams cost several times
 * what the frame itself does. As long as a connection sends plain requests for frames (`readPlainRequest`), they are
 * served here, by the same `takeFrame` as in the route; with the first byte of anything else the connection goes to the
 * HTTP server for good. Nothing is kept here of a request that isn't there as a whole.
 */
export function openFrameLane(app: FastifyInstance, deps: TransportDeps, options: FrameLaneOptions): void {
  const { server } = app
  const [toHttp] = server.listeners(options.event) as ((socket: Socket) => void)[]
  const open = new Set<Connection>()
  const lane: Lane = { deps, options, toHttp: (socket) => toHttp!.call(server, socket) }
  let closing = false

  server.removeAllListeners(options.event)
  server.on(options.event, (socket: Socket) => {
    if (closing) return void socket.destroy()
    const connection = new Connection(lane, socket, () => open.delete(connection))
    open.add(connection)
  })
  app.addHook('preClose', (done) => {
    closing = true
    for (const connection of open) connection.close()
    done()
  })
}

interface Lane {
  deps: TransportDeps
  options: FrameLaneOptions
  toHttp(socket: Socket): void
}

/** An answer in its turn; `undefined` while it is under way. */
interface Slot {
  text: ((keepSeconds: number) => string) | undefined
}

/**
 * One connection. States: serving -> leaving (something else came; what is under way is answered first) -> gone to HTTP;
 * or serving -> closing (the client or the server ends) -> closed.
 */
class Connection {
  readonly #lane: Lane
  readonly #socket: Socket
  readonly #onGone: () => void
  readonly #ip: string
  readonly #slots: Slot[] = []
  #head: LastHead | undefined
  /** What the HTTP server is to read, once everything before it is answered. */
  #rest: Buffer | undefined
  #ending = false

  constructor(lane: Lane, socket: Socket, onGone: () => void) {
    this.#lane = lane
    this.#socket = socket
    this.#onGone = onGone
    this.#ip = socket.remoteAddress ?? ''
    socket.setTimeout(lane.options.silentMs)
    socket.on('data', this.#onData).on('end', this.#onEnd).on('timeout', this.#onTimeout)
    socket.on('drain', this.#onDrain).on('error', this.#onError).on('close', this.#onClose)
  }

  /** Takes no more, and ends once everything is answered, or when the client has not read for a while. */
  close(): void {
    this.#ending = true
    this.#socket.off('data', this.#onData).setTimeout(endingMs)
    this.#settle()
  }

  readonly #onData = (chunk: Buffer): void => {
    for (let begin = 0; begin < chunk.length; ) {
      const read = readPlainRequest(requestLine, chunk, begin, send.bodyBytesMax, this.#head)
      if (!read) {
        this.#leave(chunk.subarray(begin))
        return
      }
      this.#serve(read.request)
      this.#head = read.head
      begin = read.request.end
    }
    if (this.#slots.length >= slotsMax) this.#socket.pause()
  }

  readonly #onEnd = (): void => this.close()
  readonly #onDrain = (): void => this.#settle()
  readonly #onError = (): void => void this.#socket.destroy()
  readonly #onClose = (): void => this.#onGone()
  readonly #onTimeout = (): void => {
    if (this.#ending) this.#socket.destroy()
    if (this.#slots.length > 0) return
    if (this.#head) this.#socket.destroy()
    else this.#lane.options.refuse(Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), this.#socket)
  }

  #serve(request: PlainRequest): void {
    if (!this.#head) this.#socket.setTimeout(this.#lane.options.idleMs)
    const slot: Slot = { text: undefined }
    this.#slots.push(slot)
    this.#answer(request).then((text) => {
      slot.text = text
      this.#settle()
    })
  }

  async #answer(request: PlainRequest): Promise<(keepSeconds: number) => string> {
    const { deps } = this.#lane
    const begun = performance.now()
    const id = requestIdOf(request.headers['x-request-id'])
    const reply = new Reply(id)
    const call = {
      ...{ id, ip: this.#ip, socket: this.#socket },
      headers: request.headers,
      body: request.body,
      query: {},
    }
    let [status, body] = [send.status as number, '']
    try {
      body = await takeFrame(deps, call, reply)
    } catch (thrown) {
      ;({ status, body } = answerFailure(deps, thrown, { ...call, method: 'POST', url }, reply))
    }
    deps.observe(send.id as 'telemetry.frames.send', status, (performance.now() - begun) / 1000)
    return (keepSeconds) => reply.text(status, body, keepSeconds)
  }

  /** Writes what is answered, in the order of the requests; then goes on, or ends, or leaves. */
  #settle(): void {
    if (this.#socket.destroyed) return
    let text = ''
    while (this.#slots[0]?.text) {
      const isLast = this.#ending && this.#slots.length === 1
      text += this.#slots.shift()!.text!(isLast ? 0 : this.#lane.options.idleMs / 1000)
    }
    // Who doesn't read its answers is not read from either.
    if (text !== '' && !this.#socket.write(text)) this.#socket.pause()
    if (this.#slots.length > 0) return
    if (this.#rest) this.#goToHttp(this.#rest)
    else if (this.#ending) this.#socket.destroySoon()
    else if (this.#socket.isPaused() && !this.#socket.writableNeedDrain) this.#socket.resume()
  }

  #leave(rest: Buffer): void {
    this.#socket.pause().off('data', this.#onData)
    this.#rest = rest
    this.#settle()
  }

  #goToHttp(rest: Buffer): void {
    const socket = this.#socket.setTimeout(0)
    socket
      .off('end', this.#onEnd)
      .off('drain', this.#onDrain)
      .off('timeout', this.#onTimeout)
      .off('error', this.#onError)
      .off('close', this.#onClose)
    this.#onGone()
    socket.unshift(rest)
    this.#lane.toHttp(socket)
    socket.resume()
  }
}

const fixedHeaders = Object.entries(securityHeaders)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

/** The head of an answer in the making. */
class Reply {
  readonly #headers: Record<string, string>

  constructor(id: string) {
    this.#headers = { 'x-request-id': id }
  }

  headers(values: Record<string, string>): void {
    Object.assign(this.#headers, values)
  }

  hasHeader(name: string): boolean {
    return name in this.#headers
  }

  /** `keepSeconds`: how long the connection is kept after this answer; 0: it is not. */
  text(status: number, body: string, keepSeconds: number): string {
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fixedHeaders}`
    for (const name in this.#headers) text += `${name}: ${this.#headers[name]}\r\n`
    text +=
      keepSeconds > 0 ? `connection: keep-alive\r\nkeep-alive: timeout=${keepSeconds}\r\n` : 'connection: close\r\n'
    const length = Buffer.byteLength(body)
    return `${text}content-type: application/json; charset=utf-8\r\ncontent-length: ${length}\r\ndate: ${httpDate()}\r\n\r\n${body}`
  }
}

const last = { second: Number.NaN, text: '' }

/** RFC 9110, 5.6.7; the same for all answers of a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== last.second) Object.assign(last, { second, text: new Date(second * 1000).toUTCString() })
  return last.text
}
