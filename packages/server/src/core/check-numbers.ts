import { invalid } from './failure.ts'
import { numbersFault } from './value.ts'

/** Errors: INVALID_REQUEST, naming the number that JSON would not give back as it was sent. */
export function checkNumbers(field: string, value: unknown): void {
  const bad = numbersFault(field, value)
  if (bad) throw invalid(bad.field, bad.issue)
}
