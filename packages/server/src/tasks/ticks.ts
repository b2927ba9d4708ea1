/** The instants of a schedule, in milliseconds since the epoch. */
export interface Ticks {
  /** The first after an instant; undefined: there is none. */
  next(after: number): number | undefined
  /** The last up to an instant, itself included. As dear as one step forward, however long ago it was. */
  atOrBefore(at: number): number | undefined
}

/** Ticks lie from the start of 1970 to the end of 2999, where croner ends its search. */
export const tickMin = 0
export const tickMax = Date.UTC(3000, 0, 1) - 1

/** Every `interval` from the anchor on, and before it too: it says where ticks lie, not where they begin. */
export function everyTicks(interval: number, anchor: number): Ticks {
  const count = (at: number) => Math.floor((at - anchor) / interval)
  return {
    next: (after) => withinRange(anchor + (count(Math.max(after, tickMin - 1)) + 1) * interval),
    atOrBefore: (at) => withinRange(anchor + count(Math.min(at, tickMax)) * interval),
  }
}

export function onceTicks(instant: number): Ticks {
  return {
    next: (after) => (instant > after ? instant : undefined),
    atOrBefore: (at) => (instant <= at ? instant : undefined),
  }
}

export function withinRange(tick: number): number | undefined {
  return tick >= tickMin && tick <= tickMax ? tick : undefined
}
