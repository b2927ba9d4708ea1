import type { QueryInput } from '@nexus/contract'
import type { Turns } from '../core/turns.ts'
import type { Micros } from './instant.ts'
import type { Question } from './question.ts'
import type { Group } from './rows.ts'

export type Fill = NonNullable<QueryInput['fill']>

/** Gives every group a row in every bucket of the range; what `none` leaves out is filled as asked. */
export async function fillGaps(
  { starts }: Question,
  fill: Fill,
  groups: Group[],
  metrics: readonly string[],
  turns: Turns,
): Promise<Group[]> {
  if (fill === 'none') return groups
  for (const { buckets } of groups) {
    for (const at of starts) if (!buckets.has(at)) buckets.set(at, new Map())
    await turns.after(starts.length)
    if (fill === 'null') continue
    for (const metric of metrics) {
      fillMetric(starts, fill, buckets, metric)
      await turns.after(starts.length)
    }
  }
  return groups
}

function fillMetric(starts: readonly Micros[], fill: Fill, buckets: Group['buckets'], metric: string): void {
  let before: { at: Micros; value: unknown } | undefined
  let gap: Micros[] = []
  for (const at of starts) {
    const bucket = buckets.get(at)!
    const value = bucket.get(metric) ?? null
    if (value === null) {
      if (fill === '0') bucket.set(metric, 0)
      else if (fill === 'previous' && before) bucket.set(metric, before.value)
      else gap.push(at)
      continue
    }
    if (fill === 'linear' && before)
      for (const inside of gap) buckets.get(inside)!.set(metric, between(before, { at, value }, inside))
    before = { at, value }
    gap = []
  }
}

/** Before the first and after the last reading there is nothing to draw a line to; nor between values that are no numbers. */
function between(a: { at: Micros; value: unknown }, b: { at: Micros; value: unknown }, at: Micros): number | null {
  if (typeof a.value !== 'number' || typeof b.value !== 'number') return null
  return a.value + ((b.value - a.value) * (at - a.at)) / (b.at - a.at)
}
