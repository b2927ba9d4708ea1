import { setTimeout as pause } from 'node:timers/promises'
import { list } from './sql.ts'

/** Stops queries that run on other sessions. */
export interface QueryKiller {
  /** Has this query stopped, as soon as the engine looks up from its work. */
  kill(id: string): void
  /** The query has ended. */
  ended(id: string): void
  /** Once every query has ended: resolves when no statement of this runs any more. */
  settled(): Promise<void>
}

const againMs = 50

/**
 * A query is known by its `log_comment`. One that has been sent and not begun is not there to be stopped yet, so this is
 * repeated until all have ended; each does by itself when its time is over.
 */
export function createQueryKiller(run: (sql: string) => Promise<unknown>): QueryKiller {
  const doomed = new Set<string>()
  let killing: Promise<void> | undefined

  const killAll = async () => {
    try {
      while (doomed.size > 0) {
        await run(`KILL QUERY WHERE Settings['log_comment'] IN (${list([...doomed])}) ASYNC`)
        await pause(againMs)
      }
    } catch {
      // The engine is closing, or worse: then they end with it, or when their time is over.
      doomed.clear()
    }
  }
  return {
    kill(id) {
      doomed.add(id)
      killing ??= killAll().finally(() => {
        killing = undefined
      })
    },
    ended: (id) => void doomed.delete(id),
    settled: async () => killing,
  }
}
