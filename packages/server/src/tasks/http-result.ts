import { taskLimits } from '@nexus/contract'
import { numbersFault } from '../core/value.ts'

/** `truncated`: the body is text, and not all of what was answered. */
export interface HttpResult {
  status: number
  body: unknown
  truncated?: true
}

/** As deep as the body of a request may be. */
const depthMax = 32

/**
 * What a request came to, as the result of its run: what the answer says as JSON, or its text, also where JSON would not give
 * back its numbers or its depth. Of an answer that is larger than
 * a result may be, or broke off, it is the text of the beginning: the request was made, and a run that failed for its answer
 * might be made again.
 */
export function httpResult(status: number, text: string | null, isWhole: boolean): HttpResult {
  const result = { status, body: parsed(text) }
  if (isWhole && bytesOf(result) <= taskLimits.resultBytesMax) return result
  let body = text ?? ''
  for (;;) {
    const cut: HttpResult = { status, body, truncated: true }
    const share = taskLimits.resultBytesMax / bytesOf(cut)
    if (share >= 1) return cut
    body = body.slice(0, Math.floor(body.length * share)).replace(/[\ud800-\udbff]$/, '')
  }
}

function parsed(text: string | null): unknown {
  try {
    const value = JSON.parse(text ?? 'null')
    return isDeeper(value, depthMax) || numbersFault('body', value) ? text : value
  } catch {
    return text
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1))
}

function bytesOf(result: HttpResult): number {
  return Buffer.byteLength(JSON.stringify(result))
}
