import type { Principal } from '../core/context.ts'

/** Points a minute for each key; what a batch saves in requests it still costs in points. 0: no quota. */
export interface PointQuota {
  perMinute: number
  /** False, and nothing spent, when the points don't fit into the window any more. */
  spend(principal: Principal, points: number, now: number): boolean
}

const windowMs = 60_000
const keysMax = 100_000

export function createPointQuota(perMinute: number): PointQuota {
  const windows = new Map<string, { until: number; spent: number }>()
  return {
    perMinute,
    spend(principal, points, now) {
      if (perMinute === 0) return true
      let window = windows.get(principal.keyId)
      if (!window || window.until <= now) {
        if (windows.size >= keysMax) windows.clear()
        window = { until: now + windowMs, spent: 0 }
        windows.set(principal.keyId, window)
      }
      if (window.spent + points > perMinute) return false
      window.spent += points
      return true
    },
  }
}
