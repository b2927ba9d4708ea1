import { closeSync, fdatasync as fdatasyncWithCallback, openSync } from 'node:fs'
import { promisify } from 'node:util'

const fdatasync = promisify(fdatasyncWithCallback)

/** Brings what was written to a file onto the disk, beside the event loop. */
export interface Syncer {
  sync(): Promise<void>
  /** At once, or when the sync under way has ended. */
  close(): void
}

export function openSyncer(file: string): Syncer {
  const fd = openSync(file, 'r+')
  let running: Promise<void> | undefined
  return {
    sync() {
      running = fdatasync(fd).finally(() => {
        running = undefined
      })
      return running
    },
    close() {
      if (running) running.finally(() => closeSync(fd)).catch(() => {})
      else closeSync(fd)
    },
  }
}
