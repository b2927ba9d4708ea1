import type { ClickHouseClient } from '@clickhouse/client'
import { fail } from '../../core/failure.ts'
import { queryFailure } from './query-failure.ts'

/** What the telemetry store asks of ClickHouse, wherever it runs. */
export interface ClickHouse {
  /** Runs a statement on the writer, one at a time, in the order of the calls. */
  command(sql: string): Promise<void>
  /** Inserts lines of JSONCompactEachRow; the same token twice inserts once. */
  insert(table: string, lines: string, token: string): Promise<void>
  /**
   * Runs a query on the next free reader. Throws TIMEOUT when it takes too long, INVALID_REQUEST when it needs more
   * memory than one query may, SERVICE_UNAVAILABLE when all together do, or when too many wait.
   */
  rows<Row extends unknown[]>(sql: string): Promise<Row[]>
  close(): Promise<void>
}

export interface ClickHouseOptions {
  writer: ClickHouseClient
  readers: ClickHouseClient[]
  queryTimeoutMs: number
  queryMemoryBytes: number
  /** Told how long each query took, waiting included. */
  onQuery(seconds: number): void
}

/**
 * Of every statement. Names of a thousand devices and thousands of bucket boundaries stand in the text of a query; and a
 * batch may reach over any number of months, for devices with a wrong clock send whatever date they have: a batch that
 * could never be inserted would hold up all that come after it.
 */
export const statementSettings = { max_query_size: String(64 * 1024 * 1024), max_partitions_per_insert_block: '0' }

const waitingMax = 1000

/** See `ClickHouse`. Queries beyond the number of readers wait in line, up to a bound. */
export function createClickHouse(options: ClickHouseOptions): ClickHouse {
  const { writer, readers, queryTimeoutMs, queryMemoryBytes, onQuery } = options
  const bounds = `max_execution_time=${queryTimeoutMs / 1000}, max_memory_usage=${queryMemoryBytes}`
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
    insert: (table, lines, token) =>
      write(async () => {
        await writer.exec({
          query: `INSERT INTO ${table} SETTINGS insert_deduplicate=1, insert_deduplication_token='${token}', deduplicate_blocks_in_dependent_materialized_views=1 FORMAT JSONCompactEachRow`,
          values: lines as never,
        })
      }),
    async rows<Row extends unknown[]>(sql: string): Promise<Row[]> {
      const started = performance.now()
      const reader = await take()
      try {
        const query = `${sql} SETTINGS ${bounds}, output_format_json_quote_64bit_integers=0`
        const result = await reader.query({ query, format: 'JSONCompactEachRow' })
        return await result.json<Row>()
      } catch (cause) {
        throw queryFailure(cause, queryMemoryBytes)
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
