import type { DatabaseSync } from 'node:sqlite'
import type { Point, ReadFrame } from '../../telemetry/ports.ts'
import { bits } from '../telemetry/decimal.ts'
import { FrameBlock } from '../telemetry/frame-block.ts'
import { type LabelSet, metadataSetsBlock, tagSetsBlock } from '../telemetry/label-sets.ts'
import { kindNames } from '../telemetry/sql.ts'

/**
 * The first version of the log kept frames as lines of JSON; what it still holds becomes blocks, in the form of this
 * version of Nexus. A later step that changes that form must take these for already changed.
 */
export function linesToBlocks(db: DatabaseSync): void {
  const put = db.prepare('UPDATE log SET block = ?, tag_sets = ?, metadata_sets = ? WHERE id = ?')
  const get = db.prepare('SELECT lines, tag_sets, metadata_sets FROM log WHERE id = ?')
  // One at a time: a log may hold far more than memory.
  for (const { id } of db.prepare('SELECT id FROM log').all()) {
    const { lines, tag_sets, metadata_sets } = get.get(id!) as Record<string, string>
    put.run(
      frameBlock(lines!),
      setsBlock(tag_sets!, (tags) => tags as Record<string, string>, tagSetsBlock),
      setsBlock(metadata_sets!, (metadata) => JSON.parse(metadata as string), metadataSetsBlock),
      id!,
    )
  }
}

type Line = [string, bigint, bigint, bigint, bigint, string[], bigint[], bigint[], bigint[], string[]]

function frameBlock(lines: string): Buffer {
  const block = new FrameBlock()
  for (const line of linesOf(lines) as Line[]) {
    const [deviceId, at, tags, metadata, , metrics, mantissas, scales, kinds, strs] = line
    const points: Point[] = metrics.map((metric, i) => ({
      metric,
      kind: kindNames[Number(kinds[i] ?? 1)]!,
      num: numberOf(mantissas[i]!, Number(scales[i])),
      str: strs[i] ?? '',
    }))
    const frame: ReadFrame = { deviceId, at: Number(at), points, tags: {}, metadata: {}, frameId: undefined }
    block.add(frame, labelSet(tags), labelSet(metadata))
  }
  return block.finish()
}

function setsBlock<Labels>(
  lines: string,
  read: (labels: unknown) => Labels,
  block: (sets: (readonly [LabelSet, Labels])[]) => Buffer,
): Buffer {
  const sets = linesOf(lines) as [bigint, unknown][]
  return sets.length === 0 ? Buffer.alloc(0) : block(sets.map(([id, labels]) => [labelSet(id), read(labels)] as const))
}

/** Whole numbers as they were written: hashes and bits of doubles have more digits than a double holds. */
function linesOf(lines: string): unknown[] {
  const whole = (_key: string, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' ? BigInt(source!) : value
  return lines
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line, whole as Parameters<typeof JSON.parse>[1]))
}

function numberOf(mantissa: bigint, scale: number): number {
  if (scale !== bits) return Number(mantissa) / 10 ** scale
  const view = new DataView(new ArrayBuffer(8))
  view.setBigInt64(0, mantissa)
  return view.getFloat64(0)
}

function labelSet(id: bigint): LabelSet {
  return { id: String(id), low: Number(id & 0xffffffffn), high: Number(id >> 32n) }
}
