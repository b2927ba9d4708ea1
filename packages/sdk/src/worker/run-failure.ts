import { workerLimits } from '../contract-data.ts'

export interface RunFailureOptions extends ErrorOptions {
  /** False: no other attempt would help; true unless told. */
  retryable?: boolean
  /** How long to wait with the next attempt at least, up to seven days. */
  retryAfterSeconds?: number
}

/**
 * How a handler says that an attempt failed: the code is stable and the worker's own word. What a run's signal is aborted with
 * is one too: `cancelled`, `lease_lost`, `deadline_exceeded` or `worker_stopped`.
 */
export class RunFailure extends Error {
  override readonly name = 'RunFailure'
  readonly code: string
  readonly retryable: boolean
  readonly retryAfterSeconds: number | undefined

  /** Errors: `RangeError` (`retryAfterSeconds` out of its bounds). */
  constructor(code: string, message: string, options: RunFailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    const { retryable = true, retryAfterSeconds: seconds } = options
    if (seconds !== undefined && !(seconds >= 0 && seconds <= workerLimits.delaySecondsMax))
      throw new RangeError(
        `retryAfterSeconds must be from 0 to ${workerLimits.delaySecondsMax}, not ${seconds}, in ${code}`,
      )
    this.code = code
    this.retryable = retryable
    this.retryAfterSeconds = seconds
  }
}
