import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Serves the requests of a connection one after the other: the next begins once the answer before it has gone out. What
 * a client sends in one go takes effect in its order, and one that doesn't read holds one answer in memory, not all.
 */
export class InTurn {
  readonly #latest = new WeakMap<Socket, ServerResponse>()

  /** Calls `done` when it is the turn of a request; at once, if nothing is before it. */
  take({ socket }: IncomingMessage, response: ServerResponse, done: () => void): void {
    const before = this.#latest.get(socket)
    this.#latest.set(socket, response)
    afterwards(before, done)
  }

  /** Calls `done` when everything before an upgrade has gone out. */
  takeUpgrade({ socket }: IncomingMessage, done: () => void): void {
    afterwards(this.#latest.get(socket), done)
  }
}

function afterwards(before: ServerResponse | undefined, done: () => void): void {
  if (before === undefined || before.closed) done()
  else before.once('close', done)
}
