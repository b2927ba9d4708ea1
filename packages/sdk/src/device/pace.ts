import { deviceLimits } from '../contract-data.ts'

/** Below what the server takes, so that subscriptions and pings have their part. */
const perSecond = deviceLimits.messagesPerSecond * 0.8
const burst = perSecond

/** Bounds what a device says: so many reports at once, so many a second. First come, first served. */
export class Pace {
  #underWay = 0
  #left = burst
  #at = performance.now()
  #notBefore = 0
  readonly #waiting: (() => void)[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Resolves when it is the caller's turn, which `leave` ends. */
  enter(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#admit()
    })
  }

  leave(): void {
    this.#underWay--
    this.#admit()
  }

  /** Nobody enters for so long. */
  rest(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, performance.now() + ms)
  }

  /** Nobody is made to wait any more. */
  open(): void {
    this.#notBefore = 0
    this.#admit()
  }

  /** Whoever waits may go, and ends nothing: for the time when nothing is sent any more. */
  end(): void {
    clearTimeout(this.#timer)
    for (const resolve of this.#waiting.splice(0)) {
      this.#underWay++
      resolve()
    }
  }

  #admit(): void {
    clearTimeout(this.#timer)
    while (this.#waiting.length > 0 && this.#underWay < deviceLimits.reportsAtOnce) {
      const waitMs = this.#waitMs()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#admit(), waitMs)
        return
      }
      this.#left--
      this.#underWay++
      this.#waiting.shift()!()
    }
  }

  #waitMs(): number {
    const now = performance.now()
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1000) * perSecond)
    this.#at = now
    return Math.max(this.#notBefore - now, ((1 - this.#left) / perSecond) * 1000)
  }
}
