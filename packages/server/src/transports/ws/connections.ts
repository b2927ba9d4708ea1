import { websocketLimits } from '@nexus/contract'
import type { Connection } from './connection.ts'

const restMs = 1000
const pingMs = websocketLimits.pingSeconds * 1000
const idleMs = websocketLimits.idleSeconds * 1000

type Living = Pick<Connection, 'heardAt' | 'ping' | 'close'>

/** All that are open: asks each of them every 25 seconds for a sign of life, and ends those that gave none in 75. */
export class Connections {
  /** With the time of the next ping, which spreads them as they came. */
  readonly #open = new Map<Living, number>()
  #timer: NodeJS.Timeout | undefined

  /** `now`, here and below, is `performance.now()`. */
  add(connection: Living, now: number): void {
    this.#open.set(connection, now + pingMs)
    this.#timer ??= setInterval(() => this.look(performance.now()), restMs)
  }

  remove(connection: Living): void {
    this.#open.delete(connection)
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  closeAll(): void {
    for (const connection of this.#open.keys()) connection.close(1001, 'shutting_down', 'stream.shutdown')
  }

  look(now: number): void {
    for (const [connection, pingAt] of this.#open) {
      if (now - connection.heardAt > idleMs) connection.close(1001, 'idle')
      else if (now >= pingAt) {
        connection.ping()
        this.#open.set(connection, now + pingMs)
      }
    }
  }
}
