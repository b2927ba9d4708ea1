import type { Duplex } from 'node:stream'
import { textFrame } from './frame.ts'
import { answer, notice, type Said } from './message-out.ts'

/** How much may wait for the client before no more events are taken for it. */
const fullBytes = 1024 * 1024
/** How much may wait before the client is cut off. */
const unsentBytesMax = 4 * 1024 * 1024
/** How long nothing of it may be read. */
const unreadMs = 30_000

export function noticeFrame(said: Said, now: number): Buffer {
  return textFrame(JSON.stringify(notice(said, now)))
}

/** What goes out on a connection. Tells `onSlow` when the client doesn't read. */
export class Outbox {
  readonly #socket: Duplex
  readonly #now: () => number
  readonly #onSlow: () => void

  constructor(socket: Duplex, now: () => number, onSlow: () => void) {
    this.#socket = socket
    this.#now = now
    this.#onSlow = onSlow
  }

  /** Answers the message with this id, or with none. It is sent whatever waits, up to a bound. */
  answer(id: string | undefined, said: Said): void {
    if (this.#socket.writableLength > unsentBytesMax) this.#onSlow()
    else this.write(textFrame(JSON.stringify(answer(id, said, this.#now()))))
  }

  notify(said: Said): void {
    this.write(noticeFrame(said, this.#now()))
  }

  /** Whole frames; see `isFull`. */
  write(frames: Buffer): void {
    if (!this.#socket.destroyed && this.#socket.writable) this.#socket.write(frames)
  }

  /** Whether what is written next should wait until `drained`. */
  get isFull(): boolean {
    return this.#socket.writableLength > fullBytes
  }

  /** Resolves when there is room again, or `signal` is aborted; who reads nothing for half a minute is told of. */
  drained(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const slow = setTimeout(this.#onSlow, unreadMs)
      const done = () => {
        clearTimeout(slow)
        this.#socket.off('drain', done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#socket.once('drain', done)
      signal.addEventListener('abort', done, { once: true })
      if (signal.aborted) done()
    })
  }
}
