import type { ClickHouseClient } from '@clickhouse/client'
import { idSequence } from '../../core/ids.ts'
import { queryFailure } from './query-failure.ts'
import { createQueryKiller } from './query-killer.ts'
import { createReaders } from './readers.ts'

/** What the telemetry store asks of ClickHouse, wherever it runs. */
export interface ClickHouse {
  /** Runs a statement on the writer, one at a time, in the order of the calls. */
  command(sql: string): Promise<void>
  /** Inserts lines of JSONCompactEachRow; the same token twice inserts once. */
  insert(table: string, lines: string, token: string): Promise<void>
  /**
   * Runs a query on the next free reader. Throws TIMEOUT when it takes too long, INVALID_REQUEST when it needs more
   * memory than one query may, SERVICE_UNAVAILABLE when all together do, or when too many wait. Once aborted it throws
   * the reason of the signal: at once while it waits, and when it has been stopped while it runs.
   */
  rows<Row extends unknown[]>(sql: string, signal?: AbortSignal): Promise<Row[]>
  close(): Promise<void>
}

export interface ClickHouseOptions {
  writer: ClickHouseClient
  readers: ClickHouseClient[]
  /** Stops queries of the readers. */
  killer: ClickHouseClient
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

/** See `ClickHouse`. Queries beyond the number of readers wait in line, up to a bound. */
export function createClickHouse(options: ClickHouseOptions): ClickHouse {
  const { writer, killer, queryTimeoutMs, queryMemoryBytes, onQuery } = options
  const bounds = `max_execution_time=${queryTimeoutMs / 1000}, max_memory_usage=${queryMemoryBytes}`
  const readers = createReaders(options.readers)
  const running = createQueryKiller((query) => killer.command({ query }))
  const queryId = idSequence('query')
  let writing: Promise<unknown> = Promise.resolve()

  const write = <T>(fn: () => Promise<T>): Promise<T> => {
    const result = writing.then(fn)
    writing = result.catch(() => {})
    return result
  }
  const read = async <Row>(reader: ClickHouseClient, sql: string, signal: AbortSignal | undefined): Promise<Row[]> => {
    const id = queryId()
    const kill = () => running.kill(id)
    signal?.throwIfAborted()
    signal?.addEventListener('abort', kill, { once: true })
    try {
      const query = `${sql} SETTINGS log_comment='${id}', ${bounds}, output_format_json_quote_64bit_integers=0`
      const result = await reader.query({ query, format: 'JSONCompactEachRow' })
      return await result.json<Row>()
    } catch (cause) {
      throw signal?.aborted ? signal.reason : queryFailure(cause, queryMemoryBytes)
    } finally {
      signal?.removeEventListener('abort', kill)
      running.ended(id)
    }
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
    async rows<Row extends unknown[]>(sql: string, signal?: AbortSignal): Promise<Row[]> {
      const started = performance.now()
      const reader = await readers.take(signal)
      try {
        return await read<Row>(reader, sql, signal)
      } finally {
        readers.give(reader)
        onQuery((performance.now() - started) / 1000)
      }
    },
    async close() {
      await writing
      await Promise.all([writer, killer, ...options.readers].map((client) => client.close()))
    },
  }
}
