import type { ExecutionOrder, ExecutionStanding } from '@nexus/contract'
import { messageBytesMax } from '../contract-data.ts'
import { NexusError } from '../nexus-error.ts'
import {
  bytesOf,
  type ErrorPayload,
  type Message,
  noConnection,
  refusalOf,
  Socket,
  type SocketDeps,
} from '../socket.ts'
import type { DeviceLink, DeviceReport } from './device-report.ts'

/** What a device says first. */
export interface Hello {
  device_id: string
  capabilities: Record<string, unknown>
  have: string[]
}

export interface DeviceSessionDeps extends SocketDeps {
  /** For what is larger than a message. */
  http: DeviceLink
}

export interface DeviceSessionEvents {
  /** Asked when the connection is there. */
  hello(): Hello
  welcome(): void
  execute(order: ExecutionOrder): void
  cancel(executionId: string): void
}

/** What is left of a message for what it says. */
const reportBytesMax = messageBytesMax - 1024

/** One WebSocket over which a device receives and reports, from its opening to its end. */
export class DeviceSession implements DeviceLink {
  readonly #deps: DeviceSessionDeps
  readonly #events: DeviceSessionEvents
  readonly #socket: Socket
  readonly keepsLeases = true
  isOver = false
  readonly #asked = new Map<string, PromiseWithResolvers<unknown>>()

  /** Errors: INVALID_REQUEST (no WebSocket can be made). */
  constructor(deps: DeviceSessionDeps, events: DeviceSessionEvents) {
    this.#deps = deps
    this.#events = events
    this.#socket = new Socket(deps, (message) => this.#heard(message))
    void this.#socket.opened.then(() => this.#hello())
    void this.ended.then((error) => {
      this.isOver = true
      for (const { reject } of this.#asked.values()) reject(error.status === 0 ? error : noConnection(error.message))
      this.#asked.clear()
    })
  }

  /** Resolves when it is over, with the reason. */
  get ended(): Promise<NexusError> {
    return this.#socket.ended
  }

  close(): void {
    this.#socket.giveUp(noConnection('the device stops'))
  }

  async report(report: DeviceReport): Promise<ExecutionStanding> {
    if (this.isOver) throw noConnection('the connection is over')
    if (bytesOf(report.payload) > reportBytesMax) return this.#deps.http.report(report)
    return (await this.#ask(report.type, report.payload)) as ExecutionStanding
  }

  async #hello(): Promise<void> {
    try {
      await this.#ask('device.hello', this.#events.hello())
      this.#events.welcome()
    } catch (error) {
      this.#socket.giveUp(error as NexusError)
    }
  }

  /** Resolves with what answers; a server that leaves it open for too long is not there any more. */
  async #ask(type: string, payload: object): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>()
    const id = this.#socket.say(type, payload)
    this.#asked.set(id, answer)
    const { timeoutMs } = this.#deps
    const timer = setTimeout(
      () => this.#socket.giveUp(noConnection(`no answer to ${type} within ${timeoutMs} ms`)),
      timeoutMs,
    )
    try {
      return await answer.promise
    } finally {
      clearTimeout(timer)
      this.#asked.delete(id)
    }
  }

  #heard({ type, id = '', payload }: Message): void {
    if (type === 'command.execute') this.#events.execute(payload as ExecutionOrder)
    else if (type === 'command.cancel') this.#events.cancel((payload as { execution_id: string }).execution_id)
    else if (type === 'device.replaced') this.#socket.giveUp(replaced())
    else if (type === 'error') this.#asked.get(id)?.reject(refusalOf(payload as ErrorPayload))
    else this.#asked.get(id)?.resolve(payload)
  }
}

function replaced(): NexusError {
  const issue = 'another connection receives the commands of the device'
  return new NexusError('CONFLICT', issue, { status: 409, details: { reason: 'device_replaced' } })
}
