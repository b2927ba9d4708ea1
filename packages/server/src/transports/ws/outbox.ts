import type { Duplex } from 'node:stream'
import { drained } from '../drained.ts'
import { textFrame } from './frame.ts'
import { answer, notice, type OutgoingMessage } from './outgoing.ts'

/** How much may wait for the client before no more events are taken for it. */
const fullBytes = 1024 * 1024
/** How much may wait before the client is cut off. */
const unsentBytesMax = 4 * 1024 * 1024

/** Whose messages go out; an object that is there anyway, for there are many connections. */
export interface OutboxOwner {
  readonly socket: Duplex
  now(): number
  /** Whether data may be sent; no longer after a close frame (RFC 6455, 5.5.1). */
  readonly isOpen: boolean
  /** The client doesn't read. */
  onSlow(): void
}

/** What goes out on a connection; once that is closing, nothing does. */
export class Outbox {
  readonly #owner: OutboxOwner
  #drained: Promise<void> | undefined

  constructor(owner: OutboxOwner) {
    this.#owner = owner
  }

  /** Answers the message with this id, or with none. It is sent whatever waits, up to four mebibytes. */
  answer(id: string | undefined, message: OutgoingMessage): void {
    this.#send(answer(id, message, this.#owner.now()))
  }

  /** False: the connection is closing, and the message was not sent. */
  notify(message: OutgoingMessage): boolean {
    return this.#send(notice(message, this.#owner.now()))
  }

  /** Whole frames, whatever waits: who has many of them asks `isFull` first. False: the connection is closing. */
  write(frames: Buffer): boolean {
    if (!this.#owner.isOpen) return false
    this.#owner.socket.write(frames)
    return true
  }

  /** Whether what is written next should wait until `drained`. */
  get isFull(): boolean {
    return this.#owner.isOpen && this.#owner.socket.writableLength > fullBytes
  }

  /** Resolves when the client has read everything, or the connection is over; who takes too long is told of. */
  drained(): Promise<void> {
    this.#drained ??= drained(this.#owner.socket, () => this.#owner.onSlow()).then(() => {
      this.#drained = undefined
    })
    return this.#drained
  }

  #send(message: object): boolean {
    if (this.#owner.socket.writableLength <= unsentBytesMax) return this.write(textFrame(JSON.stringify(message)))
    this.#owner.onSlow()
    return false
  }
}
