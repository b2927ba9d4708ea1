/** Work that recurs until it is stopped; its owner starts and stops it. */
export interface Loop {
  start(): void
  /** Resolves when the turn under way has ended; no other begins. */
  stop(): Promise<void>
}

export interface WakeableLoop extends Loop {
  /**
   * Asks for a turn: soon, where the loop rests; else after the pause that follows the turn under way. However often it is
   * asked for, it is one turn, and one that failed is not repeated any sooner.
   */
  wake(): void
}

export interface LoopOptions {
  /** How long to rest between two turns, unless woken; undefined: until woken. */
  restMs?: number
  /** How long to rest between two turns although woken; part of the rest. */
  pauseMs?: number
  run(signal: AbortSignal): Promise<void>
  /** A turn that throws doesn't end the loop: the next comes after a rest, of at least a second. */
  onError(cause: unknown): void
}

/** How long rests what could not do all that was due. */
export const failedRestMs = 1000

/**
 * States: idle -> resting <-> running -> stopped. After a turn the loop first pauses, and wakes no earlier; then it rests
 * until its time has come or it is woken. A wake while it is idle, pausing or running is kept until it rests.
 */
export function createLoop({ restMs, pauseMs = 0, run, onError }: LoopOptions): WakeableLoop {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()
  let resting = false
  let woken = false

  const after = (ms: number, then: () => void) => {
    if (!controller.signal.aborted) timer = setTimeout(then, ms)
  }
  const begin = () => {
    resting = false
    woken = false
    turn = next()
  }
  const rest = (ms: number | undefined) => {
    resting = true
    if (woken) begin()
    else if (ms !== undefined) after(ms, begin)
  }
  const next = async (): Promise<void> => {
    try {
      await run(controller.signal)
      if (pauseMs === 0 && !woken) rest(restMs)
      else after(pauseMs, () => rest(restMs === undefined ? undefined : Math.max(0, restMs - pauseMs)))
    } catch (cause) {
      onError(cause)
      after(Math.max(restMs ?? 0, failedRestMs), begin)
    }
  }

  return {
    start: () => (woken ? after(0, begin) : rest(restMs)),
    wake() {
      woken = true
      if (!resting) return
      resting = false
      clearTimeout(timer)
      after(0, begin)
    },
    async stop() {
      controller.abort()
      clearTimeout(timer)
      await turn
    },
  }
}
