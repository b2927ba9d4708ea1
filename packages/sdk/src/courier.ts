import { Change } from './change.ts'
import { NexusError } from './nexus-error.ts'
import type { Pace } from './pace.ts'
import { type RetryPolicy, retryDelayMs } from './retry.ts'

/** A way to the server. Errors: `NexusError`. */
export interface ReportLink<Report, Standing> {
  /** While it is there the server keeps the leases. */
  readonly keepsLeases: boolean
  /** It has ended: what was not answered is said over another one. */
  readonly isOver: boolean
  report(report: Report): Promise<Standing>
}

export interface CourierDeps {
  pace: Pace
  policy: RetryPolicy
  onError(error: Error): void
}

/**
 * Brings reports to the server, over whichever link there is. What fails in passing is said again, on the next
 * link if need be, for as long as it takes.
 */
export class Courier<Report, Standing> {
  readonly #deps: CourierDeps
  #link: ReportLink<Report, Standing> | undefined
  #isClosed = false
  #failures = 0
  readonly #change = new Change()

  constructor(deps: CourierDeps) {
    this.#deps = deps
  }

  /** Whether leases last only as long as something is said. */
  get mustBeat(): boolean {
    return this.#link?.keepsLeases === false
  }

  /** From now on this way; undefined: what is said waits for the next. */
  use(link: ReportLink<Report, Standing> | undefined): void {
    this.#link = link
    this.#failures = 0
    this.#deps.pace.open()
    this.#change.tell()
  }

  /** Nothing more is sent. */
  close(): void {
    this.#isClosed = true
    this.#change.tell()
    this.#deps.pace.end()
  }

  /**
   * Asks what to say when its turn has come, says it, and resolves with the answer; undefined: there was nothing to say, or
   * nothing is sent any more. Errors: `NexusError`, where saying it again would not help.
   */
  async send(next: () => Report | undefined): Promise<Standing | undefined> {
    for (;;) {
      const link = await this.#opened()
      if (!link) return undefined
      await this.#deps.pace.enter()
      try {
        if (this.#isClosed) return undefined
        if (link !== this.#link) continue
        const report = next()
        if (!report) return undefined
        const standing = await link.report(report)
        this.#failures = 0
        return standing
      } catch (error) {
        if (!(error instanceof NexusError) || !isPassing(error)) throw error
        if (link === this.#link) this.#failed(link, error)
      } finally {
        this.#deps.pace.leave()
      }
    }
  }

  async #opened(): Promise<ReportLink<Report, Standing> | undefined> {
    while (!this.#link && !this.#isClosed) await this.#change.next
    return this.#isClosed ? undefined : this.#link
  }

  #failed(link: ReportLink<Report, Standing>, error: NexusError): void {
    if (link.isOver) {
      this.#link = undefined
      return
    }
    this.#deps.onError(error)
    this.#deps.pace.rest(patience(this.#deps.policy, error, this.#failures++))
  }
}

/** How long to wait after a failure: as the policy says, or as long as it allows where no repetition is known to help. */
export function patience(policy: RetryPolicy, error: NexusError, failures: number): number {
  return retryDelayMs({ ...policy, retries: Number.POSITIVE_INFINITY }, error, failures) ?? policy.maxDelayMs
}

/** A key that is refused may be permitted again: what happened is worth to be told then. */
function isPassing({ status, code }: NexusError): boolean {
  return status === 0 || status >= 500 || status === 429 || code === 'UNAUTHORIZED' || code === 'FORBIDDEN'
}
