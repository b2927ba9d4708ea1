import type { Micros } from './instant.ts'

/**
 * What last values need of many frames, so that nobody has to look at each of their points. The newest came last of its time.
 */
export interface NewestColumns {
  /** The newest frame of each device. */
  newest: Uint32Array
  /** The oldest timestamp of each device. */
  oldest: Float64Array
  /** The newest reading of each metric of each device: its place among all points, and the frame that brought it. */
  newestPoints: Uint32Array
  newestPointFrames: Uint32Array
  /** Whether some metric of some device came with more than one type. */
  isMixed: boolean
}

/** Finds them while frames come one after another. Devices, metrics and types are told by their numbers. */
export class NewestReadings {
  readonly #at: number[] = []
  readonly #newest: number[] = []
  readonly #oldest: Micros[] = []
  /** Where a metric of a device stands in the two that follow. */
  readonly #places: number[][] = []
  readonly #points: number[] = []
  readonly #frames: number[] = []
  readonly #kinds: number[] = []
  #isMixed = false

  addFrame(device: number, at: Micros): void {
    const frame = this.#at.push(at) - 1
    if (at >= (this.#at[this.#newest[device]!] ?? 0)) this.#newest[device] = frame
    if (at < (this.#oldest[device] ?? Number.POSITIVE_INFINITY)) this.#oldest[device] = at
    this.#places[device] ??= []
  }

  /** A point of the frame that was added last; `point` is its place among all. */
  addPoint(device: number, metric: number, kind: number, point: number): void {
    const places = this.#places[device]!
    const frame = this.#at.length - 1
    const place = places[metric]
    if (place === undefined) {
      places[metric] = this.#points.push(point) - 1
      this.#frames.push(frame)
      this.#kinds.push(kind)
      return
    }
    if (this.#kinds[place] !== kind) this.#isMixed = true
    if (this.#at[frame]! < this.#at[this.#frames[place]!]!) return
    this.#points[place] = point
    this.#frames[place] = frame
  }

  told(): NewestColumns {
    return {
      newest: new Uint32Array(this.#newest),
      oldest: new Float64Array(this.#oldest),
      newestPoints: new Uint32Array(this.#points),
      newestPointFrames: new Uint32Array(this.#frames),
      isMixed: this.#isMixed,
    }
  }
}
