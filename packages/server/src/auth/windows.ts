export const windowMs = 60_000

export interface Window {
  /** Milliseconds since the epoch. */
  endsAt: number
  spent: number
  /** Where several nodes count together: what is known of the rest. */
  share: WindowShare | undefined
}

/** A window of several nodes, as one of them knows it. */
export interface WindowShare {
  /** Names what this node spends in this window. */
  part: string
  /** How much of that it has told, and what the other nodes had spent by then. */
  told: number
  others: number
  /** Whether anything was heard of the window yet. */
  heard: boolean
  /** Whether it is about to be told. */
  listed: boolean
}

/** Fixed 60 s windows, each from its first hit, in a bounded table: expired windows give way first, then the oldest. */
export class Windows {
  readonly #max: number
  /** In the order in which they began, and so by and large in which they end. */
  readonly #windows = new Map<string, Window>()

  constructor(max: number) {
    this.#max = max
  }

  /** The window that `now` falls in; a new one if there is none. */
  at(key: string, now: number): Window {
    return this.peek(key, now) ?? this.#begin(key, now)
  }

  peek(key: string, now: number): Window | undefined {
    const window = this.#windows.get(key)
    // A clock that was set back would otherwise leave a window that lasts for hours.
    return window && now < window.endsAt && window.endsAt - now <= windowMs ? window : undefined
  }

  #begin(key: string, now: number): Window {
    this.#windows.delete(key)
    for (const [oldest, { endsAt }] of this.#windows) {
      if (endsAt > now && this.#windows.size < this.#max) break
      this.#windows.delete(oldest)
    }
    const window: Window = { endsAt: now + windowMs, spent: 0, share: undefined }
    this.#windows.set(key, window)
    return window
  }
}
