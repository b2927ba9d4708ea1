import type { Clock } from '../core/clock.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { SharedCounts, WindowPart } from './ports.ts'
import { type Window, type WindowShare, windowMs } from './windows.ts'

export interface SharedWindows extends Loop {
  /** How many requests this node may let through in the window in all, by what it knows; tells its count soon after. */
  allowance(window: Window, limit: number, table: string, key: string): number
  /** Tells what was spent, and hears of the others, now. */
  exchange(): Promise<void>
}

export interface SharedWindowsDeps {
  counts: SharedCounts
  clock: Clock
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
}

/** A node is heard of at least this often, and an engine that is lost is tried again. */
const restMs = 1000
const pauseMs = 20
const partsAtOnce = 500

interface Listed {
  name: string
  window: Window
  share: WindowShare
}

/**
 * Lets several nodes keep one limit without waiting for each other: each counts by itself, and tells its counts to the
 * others through an engine, at most every 20 ms. Beyond the limit goes only what reached the other nodes since they heard
 * last, and never more than the limit on each.
 *
 * States: shared <-> alone. While the engine can't be reached, a node may let through its part of what was left of a
 * window when it heard last: as many nodes as were there share it evenly.
 */
export function createSharedWindows({ counts, clock, log }: SharedWindowsDeps): SharedWindows {
  let nodes = 1
  let alone = false
  let parts = 0
  let listed: Listed[] = []

  const list = (entry: Listed) => {
    if (entry.share.listed) return
    entry.share.listed = true
    listed.push(entry)
  }

  const exchange = async (): Promise<void> => {
    const open = listed.filter(({ window }) => window.endsAt > clock.now())
    listed = []
    for (const { share } of open) share.listed = false
    try {
      do {
        const batch = open.slice(0, partsAtOnce)
        const told = batch.map((entry) => partOf(entry, clock.now()))
        const heard = await counts.exchange(told)
        nodes = heard.nodes
        for (const [i, entry] of batch.entries()) hear(entry, told[i]!.spent, heard.windows[i]!, clock.now())
        open.splice(0, batch.length)
      } while (open.length > 0)
      if (alone) log.info({ nodes }, 'Rate limits are counted over all nodes again')
      alone = false
    } catch (err) {
      for (const entry of open) list(entry)
      if (!alone)
        log.warn({ err, nodes }, 'Rate limits are counted on this node alone, divided by the nodes; trying again')
      alone = true
    }
  }

  const loop = createLoop({
    restMs,
    pauseMs,
    run: exchange,
    onError: (err) => log.warn({ err }, 'Rate limits could not be exchanged; trying again'),
  })
  return {
    allowance(window, limit, table, key) {
      window.share ??= { part: (parts++).toString(36), told: 0, others: 0, heard: false, listed: false }
      const { share } = window
      const left = Math.max(0, limit - share.others - share.told)
      if (left > 0 && !share.listed) {
        list({ name: `${table}:${key}`, window, share })
        if (!alone) loop.wake()
      }
      return alone && left > 0 ? share.told + Math.ceil(left / nodes) : Math.max(0, limit - share.others)
    },
    exchange,
    start: loop.start,
    async stop() {
      await loop.stop()
      await counts.close()
    },
  }
}

function partOf({ name, window, share }: Listed, now: number): WindowPart {
  const endsInMs = Math.max(1, Math.ceil(window.endsAt - now))
  return { window: name, part: share.part, spent: window.spent, endsInMs, heard: share.heard }
}

function hear(
  { window, share }: Listed,
  told: number,
  { spent, endsInMs }: { spent: number; endsInMs: number },
  now: number,
) {
  share.told = told
  // What was heard once holds for the whole window, though the engine should lose it.
  share.others = Math.max(share.others, spent - told)
  // The others may have begun it earlier. Later answers differ by the way that they took, and would make the reset flicker.
  if (!share.heard || endsInMs === 0) window.endsAt = now + Math.min(endsInMs, windowMs)
  share.heard = true
}
