import type { MetricType } from '@nexus/contract'
import { type Fault, fault } from '../core/value.ts'
import type { ReadFrame } from './frame.ts'
import type { FramePack } from './frame-pack.ts'
import type { Micros } from './instant.ts'
import type { Point } from './point.ts'
import type { LatestRow } from './ports.ts'

export interface LatestValue {
  at: Micros
  kind: MetricType
  num: number
  str: string
  /** Rises with each frame that is taken in; 0: read from the store. */
  touched: number
}

export interface LatestDevice {
  /** Of the newest frame, and of the oldest point known. */
  at: Micros
  since: Micros
  tags: Record<string, string>
  metadata: Record<string, unknown>
  metrics: Map<string, LatestValue>
}

/**
 * The last value of every metric of every device, in memory, and which types a metric has had. Holds at most
 * `seriesMax` series: beyond, the devices that came first are let go, and read from the store when asked for. Of one device
 * it takes at most `deviceSeriesMax`, of those that it holds.
 */
export class LatestValues {
  readonly devices = new Map<string, LatestDevice>()
  readonly #kinds = new Map<string, Set<MetricType>>()
  readonly #seriesMax: number
  readonly #deviceSeriesMax: number
  #series = 0
  #moment = 0
  #complete = true

  constructor(seriesMax: number, deviceSeriesMax = Number.POSITIVE_INFINITY) {
    this.#seriesMax = seriesMax
    this.#deviceSeriesMax = deviceSeriesMax
  }

  /** False once a device had to be let go: from then on only the store knows all of it. */
  get complete(): boolean {
    return this.#complete
  }

  kindsOf(metric: string): ReadonlySet<MetricType> {
    return this.#kinds.get(metric) ?? none
  }

  get metrics(): Iterable<string> {
    return this.#kinds.keys()
  }

  /**
   * Why a frame may not be taken: it brings a metric that its device has no room for. Costs nothing but for a device that
   * is near its bound, and there one look-up for each point.
   */
  mayTake(frame: ReadFrame): Fault | undefined {
    const metrics = this.devices.get(frame.deviceId)?.metrics
    let room = this.#deviceSeriesMax - (metrics?.size ?? 0)
    if (frame.points.length <= room) return undefined
    const tooMany = frame.points.find(({ metric }) => !metrics?.has(metric) && room-- <= 0)
    if (!tooMany) return undefined
    return fault(
      `metrics.${tooMany.metric}`,
      `is one metric more than the ${this.#deviceSeriesMax} that a device may have: delete the data of metrics that are no longer sent, spread them over several devices, or raise NEXUS_DEVICE_SERIES_MAX`,
    )
  }

  /** What was taken in by now is touched no later than this. */
  get moment(): number {
    return this.#moment
  }

  /** Takes in a frame; returns the metrics that were of another type before. */
  update(frame: ReadFrame): string[] {
    const device = this.#heard(frame.deviceId, frame.at, frame)
    const touched = ++this.#moment
    const changed: string[] = []
    for (const point of frame.points) if (this.#put(device, point, frame.at, touched)) changed.push(point.metric)
    if (this.#series > this.#seriesMax) this.#letGo()
    return changed
  }

  /** Whether there is certainly room for all of a pack, and no metric would change its type by it. */
  mayTakeWhole(pack: FramePack): boolean {
    const devices = pack.newest().map(({ deviceId }) => this.devices.get(deviceId)?.metrics)
    if (devices.some((known) => (known?.size ?? 0) + pack.metrics.length > this.#deviceSeriesMax)) return false
    for (const { device, point } of pack.newestReadings()) {
      const value = devices[device]?.get(point.metric)
      if (value && value.kind !== point.kind) return false
    }
    return true
  }

  /** Takes in all frames of a pack that `mayTakeWhole`, as `update` would one after another. */
  updateWhole(pack: FramePack): void {
    const touched = ++this.#moment
    const devices = pack.newest().map((newest) => this.#heard(newest.deviceId, newest.since, newest))
    for (const { device, at, point } of pack.newestReadings()) this.#put(devices[device]!, point, at, touched)
    if (this.#series > this.#seriesMax) this.#letGo()
  }

  /** Takes in what the store had at start. */
  load(rows: readonly LatestRow[]): void {
    for (const row of rows) {
      const device = this.#deviceOf(row.device)
      if (row.at >= device.at) {
        device.at = row.at
        device.tags = row.tags
        device.metadata = JSON.parse(row.metadata)
      }
      if (row.since < device.since) device.since = row.since
      const { at, kind, num, str } = row
      const value = device.metrics.get(row.metric)
      if (!value) this.#add(device, row.metric, { at, kind, num, str, touched: 0 })
      else if (at > value.at) Object.assign(value, { at, kind, num, str, touched: 0 })
    }
    if (this.#series > this.#seriesMax) this.#letGo()
  }

  /** Learns which types a metric has in the store, beyond those of last values. */
  learn(metric: string, kinds: readonly MetricType[]): void {
    for (const kind of kinds) this.#learn(metric, kind)
  }

  /**
   * Lets go of values of a device that hold no longer; what stands behind them is for `load` to bring back, in the same
   * turn: a series that is not here is taken for one without points.
   */
  drop(id: string, gone: (metric: string, value: LatestValue) => boolean): void {
    const device = this.devices.get(id)
    if (!device) return
    device.at = 0
    for (const [metric, value] of device.metrics) {
      if (!gone(metric, value)) device.at = Math.max(device.at, value.at)
      else if (device.metrics.delete(metric)) this.#series--
    }
    if (device.metrics.size === 0) this.devices.delete(id)
  }

  #deviceOf(id: string): LatestDevice {
    const known = this.devices.get(id)
    if (known) return known
    const device: LatestDevice = {
      at: 0,
      since: Number.POSITIVE_INFINITY,
      tags: noTags,
      metadata: noTags,
      metrics: new Map(),
    }
    this.devices.set(id, device)
    return device
  }

  /** The device as its newest frame has it; `since` is the oldest timestamp that came. */
  #heard(id: string, since: Micros, newest: Pick<ReadFrame, 'at' | 'tags' | 'metadata'>): LatestDevice {
    const device = this.#deviceOf(id)
    if (newest.at >= device.at) {
      device.at = newest.at
      device.tags = newest.tags ?? noTags
      device.metadata = newest.metadata ?? noTags
    }
    if (since < device.since) device.since = since
    return device
  }

  /** Returns whether the metric was of another type before. */
  #put(device: LatestDevice, { metric, kind, num, str }: Point, at: Micros, touched: number): boolean {
    const value = device.metrics.get(metric)
    if (!value) {
      this.#add(device, metric, { at, kind, num, str, touched })
      return false
    }
    const changed = value.kind !== kind
    if (changed) this.#learn(metric, kind)
    if (at >= value.at) {
      value.at = at
      value.kind = kind
      value.num = num
      value.str = str
      value.touched = touched
    }
    return changed
  }

  #add(device: LatestDevice, metric: string, value: LatestValue): void {
    device.metrics.set(metric, value)
    this.#series++
    this.#learn(metric, value.kind)
  }

  #learn(metric: string, kind: MetricType): void {
    const kinds = this.#kinds.get(metric)
    if (kinds) kinds.add(kind)
    else this.#kinds.set(metric, new Set([kind]))
  }

  #letGo(): void {
    this.#complete = false
    for (const id of this.devices.keys()) {
      if (this.#series <= this.#seriesMax || this.devices.size === 1) return
      this.drop(id, () => true)
    }
  }
}

const none: ReadonlySet<MetricType> = new Set()
const noTags: Record<string, never> = Object.freeze({})
