import { invalid } from '../core/failure.ts'

const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const graceMsMax = 30 * unitMs.d

/** Reads `24h` and the like as milliseconds; the contract's pattern already holds. Errors: VALIDATION_ERROR over 30d. */
export function parseGrace(grace: string): number {
  const ms = Number(grace.slice(0, -1)) * unitMs[grace.slice(-1) as keyof typeof unitMs]
  if (ms > graceMsMax) throw invalid('grace', 'must be at most 30d', 'VALIDATION_ERROR')
  return ms
}
