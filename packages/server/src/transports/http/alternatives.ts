import type { Operation } from '@nexus/contract'
import { fail } from '../../core/failure.ts'

export type MediaType = 'application/json' | 'text/csv' | 'application/x-ndjson'

/** Picks what the client prefers of what the operation offers (RFC 9110, 12.5.1); 406 if it takes none of it. */
export function negotiate(accept: string | undefined, operation: Operation): MediaType {
  const offered = ['application/json', ...(operation.alternatives ?? [])]
  if (accept === undefined || accept.trim() === '' || accept === '*/*') return 'application/json'
  let best: { media: string; quality: number } | undefined
  for (const media of offered) {
    const quality = qualityOf(accept, media)
    if (quality > 0 && (best === undefined || quality > best.quality)) best = { media, quality }
  }
  if (!best)
    throw fail('INVALID_REQUEST', { field: 'Accept', issue: `takes none of ${offered.join(', ')}` }, { http: 406 })
  return best.media as MediaType
}

/** The quality of the most specific range that covers the media type. */
function qualityOf(accept: string, media: string): number {
  const ranges = [media, `${media.split('/')[0]}/*`, '*/*']
  let found = { specific: ranges.length, quality: 0 }
  for (const part of accept.toLowerCase().split(',').slice(0, 32)) {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim())
    const specific = ranges.indexOf(range)
    if (specific === -1 || specific >= found.specific) continue
    const q = parameters.find((parameter) => parameter.startsWith('q='))
    found = { specific, quality: q === undefined ? 1 : Math.min(1, Number.parseFloat(q.slice(2)) || 0) }
  }
  return found.quality
}
