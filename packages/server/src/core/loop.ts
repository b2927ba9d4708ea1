/** Work that recurs until it is stopped; its owner starts and stops it. */
export interface Loop {
  start(): void
  /** Resolves when the turn under way has ended; no other begins. */
  stop(): Promise<void>
}

export interface LoopOptions {
  name: string
  /** How long to rest between two turns. */
  restMs: number
  run(signal: AbortSignal): Promise<void>
  /** A turn that throws doesn't end the loop: the next comes after a rest, of at least a second. */
  onError(cause: unknown): void
}

const failedRestMs = 1000

/** States: idle -> resting <-> running -> stopped. */
export function createLoop({ restMs, run, onError }: LoopOptions): Loop {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()

  const rest = (ms: number) => {
    if (!controller.signal.aborted) timer = setTimeout(() => (turn = next()), ms)
  }
  const next = async (): Promise<void> => {
    try {
      await run(controller.signal)
      rest(restMs)
    } catch (cause) {
      onError(cause)
      rest(Math.max(restMs, failedRestMs))
    }
  }

  return {
    start: () => rest(restMs),
    async stop() {
      controller.abort()
      clearTimeout(timer)
      await turn
    },
  }
}
