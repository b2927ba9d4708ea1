import type { IncomingMessage } from 'node:http'
import { type Failure, fail } from '../../core/failure.ts'

/** RFC 9112, 3.2, with the host of RFC 3986, 3.2.2. A host may be empty. */
export const hostShape = /^(\[[\da-f:.]{2,45}\]|[\w.~!$&'()*+,;=%-]{0,255})(:\d{0,5})?$/i
const continueShape = /^100-continue$/i

/**
 * What of a request's head Node would answer by itself, without an envelope, or let pass although HTTP forbids it
 * (RFC 9112, 3.2; RFC 9110, 10.1.1): a missing, repeated or malformed Host, and an unknown expectation. Errors:
 * INVALID_REQUEST.
 */
export function headFault({ httpVersion, headers, rawHeaders }: IncomingMessage): Failure | undefined {
  if (headers.host === undefined) {
    return httpVersion === '1.1' ? headerFault('Host', 'is required in HTTP/1.1') : undefined
  }
  if (countOf(rawHeaders, 'host') > 1) return headerFault('Host', 'is given more than once')
  if (!hostShape.test(headers.host))
    return headerFault('Host', 'must be a name or an address, and a port after a colon')
  if (headers.expect !== undefined && !continueShape.test(headers.expect)) {
    return headerFault('Expect', 'can not be met: only 100-continue is known', 417)
  }
  return undefined
}

function headerFault(field: string, issue: string, http = 400): Failure {
  return fail('INVALID_REQUEST', { field, issue }, { http })
}

/** Node keeps the first of several. */
function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i]!
    if (header.length === name.length && header.toLowerCase() === name) count++
  }
  return count
}
