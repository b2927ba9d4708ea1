import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { ExecutionOrder } from '@nexus/contract'
import { WebSocket } from 'ws'
import { bearer } from './ws-client.ts'

const reconnectMs = 50
const workMsMax = 20

/** What a device knows of an execution. */
interface Known {
  order: ExecutionOrder
  state: 'given' | 'running' | 'finished' | 'confirmed'
}

/**
 * A device that keeps what it was given over lost connections: it begins once its ack is confirmed, does each execution once,
 * and tells the result until that is confirmed.
 */
export class SimulatedDevice {
  readonly #url: string
  readonly #key: string
  readonly #deviceId: string
  readonly #known = new Map<string, Known>()
  #ws: WebSocket | undefined
  #stopped = false
  /** How often each execution was begun. */
  readonly runs = new Map<string, number>()

  constructor(url: string, key: string, deviceId: string) {
    this.#url = url
    this.#key = key
    this.#deviceId = deviceId
  }

  async start(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#connected()
      } catch {
        // The server is away.
      }
      await pause(reconnectMs)
    }
  }

  /** Cuts the connection, as a network does. */
  cut(): void {
    this.#ws?.terminate()
  }

  stop(): void {
    this.#stopped = true
    this.cut()
  }

  async #connected(): Promise<void> {
    const ws = new WebSocket(`${this.#url.replace('http', 'ws')}/v1`, { headers: bearer(this.#key) })
    this.#ws = ws
    ws.on('message', (data) => this.#heard(ws, JSON.parse(String(data))))
    ws.on('error', () => {})
    const closed = once(ws, 'close')
    ws.once('open', () => {
      const have = [...this.#known].flatMap(([id, { state }]) => (state === 'confirmed' ? [] : [id]))
      const capabilities = { max_concurrency: 20, acks_first: true }
      this.#say(ws, 'device.hello', { device_id: this.#deviceId, capabilities, have })
      // What was said and not confirmed may have been heard.
      for (const known of this.#known.values()) this.#tell(ws, known)
    })
    await closed
  }

  #heard(ws: WebSocket, { type, id, payload }: { type: string; id?: string; payload: Record<string, unknown> }): void {
    if (type === 'command.execute') this.#given(ws, payload as ExecutionOrder)
    const known = this.#known.get(payload.execution_id as string)
    if (type !== 'command.confirmed' || !known) return
    if (id?.startsWith('result-')) known.state = 'confirmed'
    else if (known.state === 'given') void this.#work(known)
  }

  #given(ws: WebSocket, order: ExecutionOrder): void {
    const known = this.#known.get(order.execution_id) ?? { order, state: 'given' }
    known.order = order
    this.#known.set(order.execution_id, known)
    // Its result may be asked for again.
    if (known.state === 'confirmed') this.#report(ws, known)
    else this.#tell(ws, known)
  }

  #tell(ws: WebSocket, known: Known): void {
    if (known.state === 'given') this.#say(ws, 'command.ack', { ...heldOf(known.order), status: 'accepted' })
    else if (known.state === 'finished') this.#report(ws, known)
  }

  async #work(known: Known): Promise<void> {
    const { execution_id } = known.order
    known.state = 'running'
    this.runs.set(execution_id, (this.runs.get(execution_id) ?? 0) + 1)
    await pause(Math.random() * workMsMax)
    known.state = 'finished'
    if (this.#ws?.readyState === WebSocket.OPEN) this.#report(this.#ws, known)
  }

  #report(ws: WebSocket, { order }: Known): void {
    this.#say(ws, 'command.result', { ...heldOf(order), status: 'completed' }, `result-${order.execution_id}`)
  }

  #say(ws: WebSocket, type: string, payload: object, id = type): void {
    ws.send(JSON.stringify({ type, id, timestamp: new Date().toISOString(), payload }))
  }
}

function heldOf({ execution_id, lease_token }: ExecutionOrder) {
  return { execution_id, lease_token }
}
