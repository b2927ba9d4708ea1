import type { ClickHouseClient } from '@clickhouse/client'
import { fail } from '../../core/failure.ts'
import { quote } from './sql.ts'

/** What the telemetry store asks of ClickHouse, wherever it runs. */
export interface ClickHouse {
  /** Runs a statement on the writer, one at a time, in the order of the calls. */
  command(sql: string): Promise<void>
  /** Inserts blocks of the Native format in their order; the same token twice inserts once. */
  insert(table: string, blocks: readonly Buffer[], options: InsertOptions): Promise<void>
  /** Runs a query on the next free reader; throws TIMEOUT when it takes too long. */
  rows<Row extends unknown[]>(sql: string): Promise<Row[]>
  close(): Promise<void>
}

export interface InsertOptions {
  token: string
  /** Columns that are the same for all rows, after those of the blocks. */
  constants?: Record<string, number>
}

export interface ClickHouseOptions {
  writer: ClickHouseClient
  readers: ClickHouseClient[]
  /** Runs `fn` with a table expression that reads the blocks. */
  source(blocks: readonly Buffer[], fn: (table: string) => Promise<void>): Promise<void>
  queryTimeoutMs: number
  /** Told how long each query took, waiting included. */
  onQuery(seconds: number): void
}

/**
 * Of every statement. Names of a thousand devices and thousands of bucket boundaries stand in the text of a query; and a
 * batch may reach over any number of months, for devices with a wrong clock send whatever date they have: a batch that
 * could never be inserted would hold up all that come after it.
 */
export const statementSettings = { max_query_size: String(64 * 1024 * 1024), max_partitions_per_insert_block: '0' }

/**
 * In one thread, for of two rows with one key and one version the later counts. Rows that replace each other are left to
 * queries and merges, which take them together anyway: to look for them at the insert costs as much as all the rest of it.
 */
const insertSettings =
  'insert_deduplicate=1, deduplicate_blocks_in_dependent_materialized_views=1, optimize_on_insert=0, max_threads=1, max_insert_threads=1, schema_inference_use_cache_for_file=0'

const waitingMax = 1000

/** See `ClickHouse`. Queries beyond the number of readers wait in line, up to a bound. */
export function createClickHouse({ writer, readers, source, queryTimeoutMs, onQuery }: ClickHouseOptions): ClickHouse {
  const free = [...readers]
  const waiting: ((reader: ClickHouseClient) => void)[] = []
  let writing: Promise<unknown> = Promise.resolve()

  const write = <T>(fn: () => Promise<T>): Promise<T> => {
    const result = writing.then(fn)
    writing = result.catch(() => {})
    return result
  }
  const take = (): Promise<ClickHouseClient> | ClickHouseClient => {
    const reader = free.pop()
    if (reader) return reader
    if (waiting.length >= waitingMax)
      throw fail('SERVICE_UNAVAILABLE', { reason: 'too_many_queries' }, { retryAfterSeconds: 1 })
    return new Promise((resolve) => waiting.push(resolve))
  }
  const give = (reader: ClickHouseClient) => {
    const next = waiting.shift()
    if (next) next(reader)
    else free.push(reader)
  }

  return {
    command: (sql) => write(async () => void (await writer.command({ query: sql }))),
    insert: (table, blocks, { token, constants = {} }) =>
      write(() =>
        source(blocks, async (from) => {
          const columns = ['*', ...Object.entries(constants).map(([name, value]) => `${value} AS ${name}`)]
          const query = `INSERT INTO ${table} SELECT ${columns.join(', ')} FROM ${from} SETTINGS ${insertSettings}, insert_deduplication_token=${quote(token)}`
          await writer.command({ query })
        }),
      ),
    async rows<Row extends unknown[]>(sql: string): Promise<Row[]> {
      const started = performance.now()
      const reader = await take()
      try {
        const query = `${sql} SETTINGS max_execution_time=${queryTimeoutMs / 1000}, output_format_json_quote_64bit_integers=0`
        const result = await reader.query({ query, format: 'JSONCompactEachRow' })
        return await result.json<Row>()
      } catch (cause) {
        throw tookTooLong(cause) ? fail('TIMEOUT', { reason: 'query_too_slow', issue: slowIssue }, { cause }) : cause
      } finally {
        give(reader)
        onQuery((performance.now() - started) / 1000)
      }
    },
    async close() {
      await writing
      await Promise.all([writer, ...readers].map((client) => client.close()))
    },
  }
}

const slowIssue = 'took too long: narrow the range, name metrics and devices, or choose a coarser interval'

function tookTooLong(cause: unknown): boolean {
  return cause instanceof Error && 'type' in cause && cause.type === 'TIMEOUT_EXCEEDED'
}
