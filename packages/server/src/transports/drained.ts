import type { Writable } from 'node:stream'

/** How long a client may take to read what waits for it. */
const drainMs = 30_000

/** Resolves when everything that waits has been read, or the stream is closed; `onSlow` is told when that takes too long. */
export function drained(stream: Writable, onSlow: () => void): Promise<void> {
  return new Promise((resolve) => {
    const slow = setTimeout(onSlow, drainMs)
    const done = () => {
      clearTimeout(slow)
      stream.off('drain', done).off('close', done)
      resolve()
    }
    stream.once('drain', done).once('close', done)
  })
}
