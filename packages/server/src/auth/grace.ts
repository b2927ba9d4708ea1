import { durationMs } from '../core/duration.ts'
import { invalid } from '../core/failure.ts'

const graceMax = '30d'

/** Reads `24h` and the like as milliseconds; the contract's pattern already holds. Errors: VALIDATION_ERROR over 30d. */
export function parseGrace(grace: string): number {
  const ms = durationMs(grace)
  if (ms > durationMs(graceMax)) throw invalid('grace', `must be at most ${graceMax}`, 'VALIDATION_ERROR')
  return ms
}
