import type { Idempotent } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { Gather } from './gather.ts'

/** The stored answer of an earlier request of that name, if there is one; CONFLICT if its body was another. */
export function replayOf(gather: Gather, idempotent: Idempotent): string | undefined {
  const seen = gather.seen(idempotent.key)
  if (!seen) return undefined
  if (seen.bodyHash !== idempotent.bodyHash) {
    const issue = 'was used for another body within the last 24 hours'
    throw fail('CONFLICT', { field: 'Idempotency-Key', issue, reason: 'idempotency_key_reused' })
  }
  idempotent.replayed = true
  return seen.answer
}
