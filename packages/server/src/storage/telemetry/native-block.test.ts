import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricType } from '@nexus/contract'
import fc from 'fast-check'
import type { Point, ReadFrame } from '../../telemetry/ports.ts'
import { testFolder } from '../../testing/nexus.ts'
import { openChdb } from './chdb.ts'
import { createBlockWriter, createFrameWriter } from './frame-writer.ts'
import { joinBlocks } from './join-blocks.ts'
import { migrateTelemetry } from './schema.ts'
import { kindNames } from './sql.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text.isWellFormed())
const letters = ['a', 'b', 'é', '🌡', "'", '{', '*']
const id = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...letters, '\\') })
// V8 takes some keys with escapes for others, on both sides of this test: https://github.com/nodejs/node/issues/63785
const key = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...letters) })
const kinds: MetricType[] = ['number', 'boolean', 'string', 'array', 'object']
const point: fc.Arbitrary<Point> = fc.record({
  metric: fc.constantFrom('a', 'b', 'c', 'd', 'e/f'),
  kind: fc.constantFrom(...kinds),
  num: fc.double({ noNaN: true, noDefaultInfinity: true }),
  str: text,
})
const frame: fc.Arbitrary<ReadFrame> = fc.record({
  deviceId: id,
  at: fc.integer({ min: 0, max: 8_994_000_000_000_000 }),
  points: fc.uniqueArray(point, { selector: ({ metric }) => metric, minLength: 1, maxLength: 5 }),
  tags: fc.option(fc.dictionary(key, text, { maxKeys: 3 }), { nil: undefined }),
  metadata: fc.option(fc.dictionary(key, text, { maxKeys: 3 }), { nil: undefined }),
  frameId: fc.constant(undefined),
})

test('frames come out of the store as they were written, whoever wrote their block, joined with others or not, and whatever they hold, in their order', async (t) => {
  const bounds = { readers: 1, queryTimeoutMs: 30_000, queryMemoryBytes: 1 << 30 }
  const clickhouse = openChdb({ path: testFolder(t), ...bounds, onQuery: () => {} })
  t.after(() => clickhouse.close())
  await migrateTelemetry(clickhouse)
  // Out of the Null table, as the views see it.
  await clickhouse.command('CREATE TABLE seen ENGINE = Memory AS SELECT * FROM frames')
  await clickhouse.command('CREATE MATERIALIZED VIEW frames_to_seen TO seen AS SELECT * FROM frames')

  let version = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(frame, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 4 }),
      async (groups) => {
        version++
        const writer = createFrameWriter()
        const written = groups.map((frames) => {
          const third = Math.ceil(frames.length / 3)
          const parts = [frames.slice(0, third), writtenElsewhere(frames.slice(third, -third)), frames.slice(-third)]
          const { block, tagSets, metadataSets } = writer.write(frames.length > 4 ? parts : [frames])
          return { block: Buffer.from(block), tagSets, metadataSets }
        })
        const insert = (table: string, blocks: Buffer[], constants = {}) => {
          const filled = blocks.filter(({ length }) => length > 0)
          return filled.length > 0
            ? clickhouse.insert(table, filled, { token: `${table} ${version}`, constants })
            : undefined
        }
        await insert(
          'tag_sets',
          written.map(({ tagSets }) => tagSets),
        )
        await insert(
          'metadata_sets',
          written.map(({ metadataSets }) => metadataSets),
        )
        const blocks = written.map(({ block }) => block)
        await insert('frames', version % 2 === 0 ? blocks : await joinBlocks(blocks), { version })

        // A join keeps no order of its own.
        type Row = [string, number, Record<string, string>, string, string[], number[], number[], string[]]
        const rows = await clickhouse.rows<Row>(
          `SELECT device, ts, t.tags, m.metadata, metric,
           arrayMap((m, s) -> if(s < 0, reinterpretAsFloat64(m), m / arrayElement([1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12], s + 1)), mantissa, scale), kind, str
         FROM (SELECT *, rowNumberInAllBlocks() AS place FROM seen WHERE version = ${version}) AS f
         ANY LEFT JOIN tag_sets AS t ON tag_set = t.id ANY LEFT JOIN metadata_sets AS m ON metadata_set = m.id
         ORDER BY place SETTINGS max_threads = 1`,
        )
        const found = rows.map(([deviceId, at, tags, metadata, metrics, nums, codes, strs]) => ({
          deviceId,
          at,
          tags,
          metadata: JSON.parse(metadata),
          points: metrics.map((metric, i) => ({
            metric,
            kind: codes.length === 0 ? 'number' : kindNames[codes[i]!],
            num: nums[i]!,
            str: strs[i] ?? '',
          })),
        }))
        const plain = ({ points }: Pick<ReadFrame, 'points'>) => points.every(({ kind }) => kind === 'number')
        const expected = groups.flat().map(({ frameId: _, ...frame }) => ({
          ...frame,
          tags: frame.tags ?? {},
          metadata: frame.metadata ?? {},
          // Numbers have no text: the columns of frames of numbers alone leave it out. Zero has no sign in JSON.
          points: frame.points.map((point) => ({ ...point, num: point.num + 0, str: plain(frame) ? '' : point.str })),
        }))
        equal(found.length, expected.length)
        deepEqual(JSON.parse(JSON.stringify(found)), JSON.parse(JSON.stringify(expected)))
      },
    ),
    { numRuns: 60 },
  )
})

const elsewhere = createBlockWriter()

function writtenElsewhere(frames: readonly ReadFrame[]) {
  elsewhere.begin()
  for (const frame of frames) elsewhere.add(frame, elsewhere.setOf(frame.tags), elsewhere.setOf(frame.metadata))
  const [tags, metadata] = [frames.map(({ tags }) => tags), frames.map(({ metadata }) => metadata)]
  return { block: elsewhere.take(), tags, metadata }
}
