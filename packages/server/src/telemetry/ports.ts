import type { Aggregation, MetricType, Retention } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { TagCondition } from '../core/tag-filter.ts'
import type { ReadFrame } from './frame.ts'
import type { Micros } from './instant.ts'

export type { TagCondition } from '../core/tag-filter.ts'
export type { ReadFrame } from './frame.ts'
export type { Micros } from './instant.ts'
export type { Point } from './point.ts'

/** A device in one hour of the epoch: the unit in which roll-ups are made, and spoiled by late points. */
export interface DeviceHour {
  device: string
  /** Whole hours since the epoch. */
  hour: number
}

/** Accepted frames as the store takes them: rows of its tables, opaque to everybody else. */
export interface FrameBlocks {
  /** The frames, in the order in which they were accepted. */
  block: Buffer
  /** Sets of tags and metadata that the frames refer to and that were not written before; may be empty. */
  tagSets: Buffer
  metadataSets: Buffer
}

/** Writes frames for `insertBatch`. */
export interface FrameWriter {
  /** One part after another. The blocks are valid until the next call, which takes the same room. */
  write(parts: readonly FramesToWrite[]): FrameBlocks & { newTagSets: { id: string; tags: Record<string, string> }[] }
  /** After blocks were lost: sets of tags and metadata are written again. */
  forget(): void
}

export type FramesToWrite = readonly ReadFrame[] | WrittenFrames

/** Frames of which a `BlockWriter` has made the block, with each set that they refer to at least once. */
export interface WrittenFrames {
  block: Uint8Array
  tags: readonly ReadFrame['tags'][]
  metadata: readonly ReadFrame['metadata'][]
}

/** Writes the block of frames that come one by one, in whatever thread; what sets say is for `FrameWriter` to write. */
export interface BlockWriter<LabelSet> {
  /** What was added and not taken is gone. */
  begin(): void
  setOf(labels: Record<string, unknown> | undefined): LabelSet
  add(frame: ReadFrame, tags: LabelSet, metadata: LabelSet): void
  /** The block of what was added since it began; it is the caller's. */
  take(): Uint8Array<ArrayBuffer>
}

/** From when to when frames reach, and which hours of which devices they touch. */
export interface FrameSpan {
  minAt: Micros
  maxAt: Micros
  hours: DeviceHour[]
}

/** Frames that were accepted together, ready for the log. */
export interface LogRecord extends FrameBlocks, FrameSpan {
  frames: number
  /** Answers to give again when the same frame or idempotency key is sent again. */
  seen: SeenAnswer[]
}

export interface SeenAnswer {
  key: string
  bodyHash: string
  answer: string
}

/** What one drain moves from the log to the store, as blocks in the order of the log. */
export interface DrainBatch {
  /** The same for the same records, also after a crash; so is the version. */
  token: string
  /** It was begun before, and cut off by a crash or a fault: all, some or none of it may be in the store. */
  begun: boolean
  /** Higher than that of any batch before: of two readings of one instant the one with the higher version counts. */
  version: number
  last: number
  frames: number
  blocks: Buffer[]
  tagSets: Buffer[]
  metadataSets: Buffer[]
  hours: DeviceHour[]
}

/** Points of a device that go for good, of all metrics or of those named. */
export interface Deletion {
  device: string
  metrics: string[] | undefined
  start: Micros
  end: Micros
  /** What was written later stays, so that a deletion may be done again at any time. */
  version: number
}

/**
 * Frames that are accepted and not yet in the store. Once `append` resolves they survive `kill -9` and a power cut;
 * they leave only after the store has them.
 */
export interface IngestLog {
  /**
   * Commits what `seal` gives: at the end of this turn of the event loop, or after the commit that is under way. Rejects
   * with SERVICE_UNAVAILABLE when the disk fails; a record that was written by then may still come to light.
   */
  append(seal: () => LogRecord): Promise<void>
  /** True after a sync that failed: nothing is taken and nothing is known of what was, until a restart. */
  hasFailed(): boolean
  /** How many more bytes may wait for the store. */
  freeBytes(): number
  /** The answer under this key within the last 24 hours, if it is among those kept. SERVICE_UNAVAILABLE once failed. */
  seen(key: string): SeenAnswer | undefined
  /** The newest record that holds points of the range; 0 if none does. */
  newestOverlapping(start: Micros, end: Micros): number
  depth(): LogDepth
  /** Fixes what the next drain moves, and marks its hours dirty; after a crash, the batch that was under way. */
  openBatch(bytesMax: number): DrainBatch | undefined
  finishBatch(batch: DrainBatch): void
  /** Gives back to the disk what a backlog took: for when nothing waits any more. */
  rest(): void
  /** The highest version that any batch had. */
  lastVersion(): number
  /** Rises by two at each call, over restarts and whatever the clock does. */
  nextRollUpVersion(): number
  /** Hours whose roll-ups don't tell the truth. */
  dirtyHours(): DeviceHour[]
  markDirty(hours: DeviceHour[]): void
  clearDirty(hours: DeviceHour[]): void
  /** Writes down what is about to be deleted, until it is; returns under which number. */
  beginDeletion(deletion: Deletion): number
  endDeletion(id: number): void
  /** Deletions that were begun and not ended, as by a crash. */
  openDeletions(): (Deletion & { id: number })[]
  /** Forgets some of the answers that are older than 24 hours; true: there may be more. */
  sweepSeen(now: number): boolean
  close(): void
}

export interface LogDepth {
  frames: number
  bytes: number
  /** When the oldest record was appended, in ms since the epoch; `undefined`: the log is empty. */
  oldestAt: number | undefined
}

/** From which table a stretch of the answer is read. Stretches of a plan never overlap. */
export interface Stretch {
  source: 'raw' | '1m' | '1h'
  from: Micros
  to: Micros
  /** Dirty hours: the only ones read from raw points, the ones left out of roll-ups. */
  only?: DirtySet
  except?: DirtySet
}

export type DirtySet = { pairs: DeviceHour[] } | { hours: number[] }

/** Which points a query is about. */
export interface Selection {
  devices: string[] | undefined
  metrics: string[]
  tags: TagCondition[] | undefined
}

export interface AggregatePlan extends Selection {
  aggregation: Aggregation
  start: Micros
  end: Micros
  /** The fixed width of a bucket, the starts of calendar buckets, or one bucket over the range. */
  buckets: { width: Micros } | { starts: Micros[] } | 'one'
  byDevice: boolean
  byTags: string[]
  stretches: Stretch[]
  rowsMax: number
}

/** One value of one metric in one bucket of one group. */
export interface AggregateRow {
  bucket: Micros
  device: string | undefined
  tags: (string | null)[]
  metric: string
  kind: MetricType
  num: number
  str: string
}

/** What one bucket holds of a metric of a device under one tag set, of one type. */
export interface PartialRow {
  at: Micros
  metric: string
  device: string
  tagSet: string
  count: number
  sum: number
  min: number
  max: number
}

/** The roll-up rows of one metric of one device in a span, column by column. */
export interface RollUpColumns {
  metric: string
  device: string
  /** Which slot of the span each row is. */
  slots: number[]
  /** Types in the order of the contract's `metricTypes`, from one. */
  kinds: number[]
  /** One for each row, or one for all. */
  tagSets: string[]
  counts: number[]
  sums: number[]
  mins: number[]
  maxs: number[]
}

/** Metrics of which what lies before a whole hour is past its retention. */
export interface Cutoff {
  metrics: string[]
  before: Micros
}

/** A month of a table of the store, or a table that has no months. */
export interface PastPart {
  table: string
  month: string | undefined
}

export interface RawPlan extends Selection {
  start: Micros
  end: Micros
  order: 'asc' | 'desc'
  /** Rows after this one, in the order asked for. */
  after: { at: Micros; device: string } | undefined
  /** What is not to be seen any more. */
  past: Cutoff[]
  limit: number
}

export interface RawRow {
  at: Micros
  device: string
  points: { metric: string; kind: MetricType; num: number; str: string }[]
}

/** A metric of a device, with the last point of each. */
export interface LatestRow {
  device: string
  metric: string
  kind: MetricType
  at: Micros
  /** When the series began. */
  since: Micros
  num: number
  str: string
  tags: Record<string, string>
  metadata: string
}

export interface MetricSummary {
  name: string
  kinds: MetricType[]
  devices: number
  firstAt: Micros
  lastAt: Micros
}

/** The history of telemetry: points, their tags, and their roll-ups. What is given a signal stops when it is aborted. */
export interface TelemetryStore {
  readonly frameWriter: FrameWriter
  /** Repeating a batch changes nothing; one that was begun is written whole, whatever the store believes to have of it. */
  insertBatch(batch: DrainBatch): Promise<void>
  aggregate(plan: AggregatePlan, signal: AbortSignal): Promise<AggregateRow[]>
  /** The partial aggregates of a plan's stretches, unmerged. */
  partials(plan: AggregatePlan, signal: AbortSignal): Promise<PartialRow[]>
  /** All roll-ups of these devices in one span, [from, to). */
  rollUps(size: '1m' | '1h', of: { devices: string[]; from: Micros; to: Micros }): Promise<RollUpColumns[]>
  raw(plan: RawPlan, signal: AbortSignal): Promise<RawRow[]>
  /** The last point of every metric of a page of devices, in the order of their names. */
  latest(page: { devices?: string[]; after?: string; limit: number }): Promise<LatestRow[]>
  metrics(filter: { devices?: string[]; prefix?: string; after?: string; limit: number }): Promise<MetricSummary[]>
  /** Every tag set, at most `limit`. */
  tagSets(limit: number): Promise<{ id: string; tags: Record<string, string> }[]>
  tagKeys(filter: { after?: string; limit: number }): Promise<{ key: string; values: number }[]>
  tagValues(filter: { key: string; after?: string; limit: number }): Promise<string[]>
  /** How many points there are to delete. */
  countOf(deletion: Deletion): Promise<number>
  /** Deletes points, and makes the catalogue of their device anew. Done again after a crash at any point, it ends well. */
  delete(deletion: Deletion): Promise<void>
  /** In which hours a device has points or roll-ups. */
  hoursOf(range: { device: string; start: Micros; end: Micros }): Promise<number[]>
  /** Where more than a day of what is past lies, points first. Nothing is read of what no cutoff reaches. */
  pastParts(cutoffs: readonly Cutoff[]): Promise<PastPart[]>
  /** Deletes what is past in one part: the part as a whole, if all of it is. */
  expire(cutoffs: readonly Cutoff[], part: PastPart): Promise<void>
  /** Makes the roll-ups of these hours anew from deduplicated points; they replace the older ones at once. */
  rollUp(hours: DeviceHour[], version: number): Promise<void>
  close(): Promise<void>
}

export interface RetentionStore {
  get(): Promise<Retention>
  put(tx: Tx, retention: Retention): Promise<void>
  /** Runs `fn` once the transaction is durable; never if it rolls back. */
  afterCommit(tx: Tx, fn: () => void): void
}
