export interface PaceLimits {
  atOnce: number
  /** Those of one second may come all at once. */
  perSecond: number
}

/** Bounds what is said: so much at once, so much a second. First come, first served. */
export class Pace {
  readonly #limits: PaceLimits
  #underWay = 0
  #left: number
  #at = performance.now()
  #notBefore = 0
  readonly #waiting: (() => void)[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(limits: PaceLimits) {
    this.#limits = limits
    this.#left = limits.perSecond
  }

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
    while (this.#waiting.length > 0 && this.#underWay < this.#limits.atOnce) {
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
    const { perSecond } = this.#limits
    this.#left = Math.min(perSecond, this.#left + ((now - this.#at) / 1000) * perSecond)
    this.#at = now
    return Math.max(this.#notBefore - now, ((1 - this.#left) / perSecond) * 1000)
  }
}
