import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Serves the requests of a connection one after the other: the next begins once the answer before it has gone out. What
 * a client sends in one go takes effect in its order, and one that doesn't read holds one answer in memory, not all. While
 * one waits no more are read, for the answer before it may be a stream that never ends.
 */
export class InTurn {
  readonly #latest = new WeakMap<Socket, ServerResponse>()

  /** Calls `done` when it is the turn of a request; at once, if nothing is before it. */
  take({ socket }: IncomingMessage, response: ServerResponse, done: () => void): void {
    const before = this.#latest.get(socket)
    this.#latest.set(socket, response)
    if (before === undefined || before.closed) {
      done()
      return
    }
    // Node goes on reading at the end of each request: only what comes after what was read in one go can be left.
    process.nextTick(() => {
      if (!before.closed) socket.pause()
    })
    before.once('close', () => {
      if (this.#latest.get(socket) === response) socket.resume()
      done()
    })
  }

  /** Calls `done` when everything before an upgrade has gone out. */
  takeUpgrade({ socket }: IncomingMessage, done: () => void): void {
    const before = this.#latest.get(socket)
    if (before === undefined || before.closed) done()
    else before.once('close', done)
  }
}
