import { fail } from '../../core/failure.ts'

const narrower = 'narrow the range, name metrics and devices, or choose a coarser interval'

/** What a query that ran into one of its bounds is answered with; anything else that was thrown stays as it is. */
export function queryFailure(cause: unknown, memoryBytes: number): unknown {
  if (!(cause instanceof Error) || !('type' in cause)) return cause
  switch (cause.type) {
    case 'TIMEOUT_EXCEEDED':
      return fail('TIMEOUT', { reason: 'query_too_slow', issue: `took too long: ${narrower}` }, { cause })
    case 'MEMORY_LIMIT_EXCEEDED':
      return cause.message.startsWith(ownLimit) ? tooLarge(memoryBytes) : outOfMemory(cause)
    default:
      return cause
  }
}

/** How the engine begins when it was the query's own limit, and not that of the whole process. */
const ownLimit = 'Query memory limit exceeded'

function tooLarge(memoryBytes: number) {
  const limit = `${Math.round(memoryBytes / 1024 / 1024)} MiB`
  return fail('INVALID_REQUEST', {
    reason: 'query_too_large',
    limit,
    issue: `needs more than ${limit} of memory: ${narrower}`,
  })
}

function outOfMemory(cause: Error) {
  const issue = 'found no memory beside what else runs: try again later'
  return fail('SERVICE_UNAVAILABLE', { reason: 'out_of_memory', issue }, { cause, retryAfterSeconds: 5 })
}
