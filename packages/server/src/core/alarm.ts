import { failedRestMs, type Loop } from './loop.ts'

export interface Alarm extends Loop {
  /** Something is due at this instant, maybe earlier than anything before. */
  expect(at: number): void
}

export interface AlarmOptions {
  now(): number
  /** How long it sleeps at most: for what nobody here was told of, such as by another node. */
  restMsMax: number
  /** Does everything that is due; resolves with the instant at which something is due next, undefined: nothing is. */
  run(): Promise<number | undefined>
  /** A turn that throws doesn't end it: the next comes a second later. */
  onError(cause: unknown): void
}

/** Work that is due at instants: it sleeps until the next of them, and begins with what became due while nobody was there. */
export function createAlarm({ now, restMsMax, run, onError }: AlarmOptions): Alarm {
  let isRunning = false
  let timer: NodeJS.Timeout | undefined
  /** When the timer rings; -Infinity during a turn. */
  let ringsAt = Number.POSITIVE_INFINITY
  /** The earliest instant that was told during the turn. */
  let expected = Number.POSITIVE_INFINITY
  let turn: Promise<void> = Promise.resolve()

  const sleepUntil = (at: number) => {
    clearTimeout(timer)
    ringsAt = at
    if (isRunning) timer = setTimeout(ring, Math.max(0, at - now()))
  }
  const ring = () => {
    ringsAt = Number.NEGATIVE_INFINITY
    expected = Number.POSITIVE_INFINITY
    turn = run()
      .then((next = Number.POSITIVE_INFINITY) => sleepUntil(Math.min(next, expected, now() + restMsMax)))
      .catch((cause) => {
        onError(cause)
        sleepUntil(now() + failedRestMs)
      })
  }
  return {
    expect(at) {
      expected = Math.min(expected, at)
      if (at < ringsAt) sleepUntil(at)
    },
    start() {
      isRunning = true
      ring()
    },
    async stop() {
      isRunning = false
      clearTimeout(timer)
      await turn
    },
  }
}
