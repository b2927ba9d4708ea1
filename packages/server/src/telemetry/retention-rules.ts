import type { Retention } from '@nexus/contract'
import { type Micros, microsPerHour } from './instant.ts'
import type { Cutoff } from './ports.ts'

/** How long each metric is kept; the first policy that matches decides, none means for ever. */
export interface RetentionRules {
  replace(retention: Retention): void
  /** Points of the metric before this instant are not kept; whole hours, as roll-ups are. */
  keptSince(metric: string, now: Micros): Micros
  /** Of these metrics, those that are not kept for ever. */
  cutoffs(metrics: Iterable<string>, now: Micros): Cutoff[]
}

const hoursOf = { h: 1, d: 24, w: 168, mo: 24 * 31, y: 24 * 366 } as const
const metricsMax = 100_000

export function createRetentionRules(): RetentionRules {
  let policies: { glob: string[]; keep: Micros }[] = []
  const kept = new Map<string, Micros>()

  const keepOf = (metric: string): Micros => {
    const keep = policies.find(({ glob }) => matchesGlob(glob, metric))?.keep ?? Number.POSITIVE_INFINITY
    if (kept.size >= metricsMax) kept.clear()
    kept.set(metric, keep)
    return keep
  }

  const rules: RetentionRules = {
    replace(retention) {
      policies = retention.policies.map(({ metrics, keep }) => ({
        glob: metrics.split(/\*+/),
        keep: parseKeep(keep),
      }))
      kept.clear()
    },
    keptSince(metric, now) {
      if (policies.length === 0) return 0
      const keep = kept.get(metric) ?? keepOf(metric)
      return keep === Number.POSITIVE_INFINITY
        ? 0
        : Math.max(0, Math.floor((now - keep) / microsPerHour) * microsPerHour)
    },
    cutoffs(metrics, now) {
      const cutoffs = Map.groupBy(metrics, (metric) => rules.keptSince(metric, now))
      return [...cutoffs].map(([before, metrics]) => ({ metrics, before })).filter(({ before }) => before > 0)
    },
  }
  return rules
}

/** Months count 31 days and years 366, so that nothing goes early. */
function parseKeep(keep: string): Micros {
  const [, count, unit] = /^(\d+)(h|d|w|mo|y)$/.exec(keep)!
  return Number(count) * hoursOf[unit as keyof typeof hoursOf] * microsPerHour
}

/** Each part is taken where it comes first, so that no glob is slow; a regular expression would try every way. */
function matchesGlob([head, ...parts]: readonly string[], name: string): boolean {
  const tail = parts.pop()
  if (tail === undefined) return name === head
  if (!name.startsWith(head!) || !name.endsWith(tail)) return false
  let from = head!.length
  for (const part of parts) {
    const found = name.indexOf(part, from)
    if (found === -1) return false
    from = found + part.length
  }
  return from + tail.length <= name.length
}
