import type { LoggedEvent } from './ports.ts'
import type { TransientRun } from './transient-run.ts'

export interface RingBounds {
  max: number
  bytesMax: number
  keepMs: number
}

/** Keeps the newest events of a kind that is too frequent for the state: bounded in number, memory and age. */
export class FrameRing {
  readonly #bounds: RingBounds
  readonly #runs = new Runs()
  #bytes = 0
  #size = 0
  #droppedUpTo: number

  /** `before`: what came before it, as before a restart, is gone. */
  constructor(bounds: RingBounds, before: number) {
    this.#bounds = bounds
    this.#droppedUpTo = before
  }

  /** The number up to which nothing is there any more. */
  get droppedUpTo(): number {
    return this.#droppedUpTo
  }

  /** Numbers rise from run to run. */
  push(run: TransientRun): void {
    const { max, bytesMax, keepMs } = this.#bounds
    while (this.#size > 0 && this.#runs.at(0).at < run.at - keepMs) this.#dropFirst()
    while (this.#size > 0 && this.#bytes + run.bytes > bytesMax) this.#dropFirst()
    this.#runs.push(run)
    this.#size += run.length
    this.#bytes += run.bytes
    while (this.#size > max) this.#dropFirst(this.#size - max)
  }

  /** Something was lost that came after `seq`: it never got a number. */
  lose(seq: number): void {
    while (this.#size > 0) this.#dropFirst()
    this.#droppedUpTo = seq + 1
  }

  /** The first of (after, upTo], in order. */
  read(after: number, upTo: number, limit: number): LoggedEvent[] {
    const found: LoggedEvent[] = []
    for (let i = this.#runAfter(after); i < this.#runs.length; i++) {
      const run = this.#runs.at(i)
      for (let index = Math.max(0, after + 1 - run.first); index < run.length; index++) {
        if (found.length === limit || run.first + index > upTo) return found
        found.push(run.event(index))
      }
    }
    return found
  }

  /** The number of the first that happened at this time or later. */
  firstSince(at: number): number | undefined {
    for (let i = 0; i < this.#runs.length; i++) if (this.#runs.at(i).at >= at) return this.#runs.at(i).first
    return undefined
  }

  ofTrace(traceId: string, limit: number): LoggedEvent[] {
    const found: LoggedEvent[] = []
    for (let i = 0; i < this.#runs.length; i++) {
      const run = this.#runs.at(i)
      for (let index = 0; index < run.length && found.length < limit; index++)
        if (run.knownTraceIdOf(index) === traceId) found.push(run.event(index))
    }
    return found
  }

  /** The first run, or the first `count` events, if it has more. */
  #dropFirst(count = Number.POSITIVE_INFINITY): void {
    const run = this.#runs.shift()
    const dropped = Math.min(count, run.length)
    const rest = dropped < run.length ? run.part(dropped, run.length) : undefined
    if (rest) this.#runs.unshift(rest)
    this.#size -= dropped
    this.#bytes -= run.bytes - (rest?.bytes ?? 0)
    this.#droppedUpTo = run.first + dropped - 1
  }

  /** Which run is the first to have numbers after this one. */
  #runAfter(seq: number): number {
    let [low, high] = [0, this.#runs.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#runs.at(middle).last <= seq) low = middle + 1
      else high = middle
    }
    return low
  }
}

const goneMax = 1000

/** Runs in their order; what goes first is cut off in large pieces. */
class Runs {
  readonly #runs: (TransientRun | undefined)[] = []
  #gone = 0

  get length(): number {
    return this.#runs.length - this.#gone
  }

  at(index: number): TransientRun {
    return this.#runs[this.#gone + index]!
  }

  push(run: TransientRun): void {
    this.#runs.push(run)
  }

  shift(): TransientRun {
    const run = this.#runs[this.#gone]!
    this.#runs[this.#gone++] = undefined
    if (this.#gone >= goneMax && this.#gone * 2 > this.#runs.length)
      this.#gone -= this.#runs.splice(0, this.#gone).length
    return run
  }

  /** In the place of one that was taken. */
  unshift(run: TransientRun): void {
    if (this.#gone === 0) this.#runs.unshift(run)
    else this.#runs[--this.#gone] = run
  }
}
