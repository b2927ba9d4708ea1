import type { ClickHouseClient } from '@clickhouse/client'
import { idSequence } from '../../core/ids.ts'
import { queryFailure } from './query-failure.ts'
import { createQueryKiller } from './query-killer.ts'
import { readRows } from './read-rows.ts'
import { createReaders } from './readers.ts'
import { quote } from './sql.ts'

/** What the telemetry store asks of ClickHouse, wherever it runs. */
export interface ClickHouse {
  /** Runs a statement on the writer, one at a time, in the order of the calls. */
  command(sql: string): Promise<void>
  /** Inserts blocks of the Native format in their order; the same token twice inserts once. */
  insert(table: string, blocks: readonly Buffer[], options: InsertOptions): Promise<void>
  /**
   * Runs a query on the next free reader. Throws TIMEOUT when it takes too long, INVALID_REQUEST when it needs more
   * memory than one query may, SERVICE_UNAVAILABLE when all together do, or when too many wait. Once aborted it throws
   * the reason of the signal: at once while it waits, and when it has been stopped while it runs.
   */
  rows<Row extends unknown[]>(sql: string, signal?: AbortSignal): Promise<Row[]>
  close(): Promise<void>
}

export interface InsertOptions {
  /** Without one nothing is taken for a repeat. */
  token: string | undefined
  /** Columns that are the same for all rows, after those of the blocks. */
  constants?: Record<string, number>
}

export interface ClickHouseOptions {
  writer: ClickHouseClient
  readers: ClickHouseClient[]
  /** Runs `fn` with a table expression that reads the blocks. */
  source(blocks: readonly Buffer[], fn: (table: string) => Promise<void>): Promise<void>
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

/**
 * The engine turns what it does often into machine code, which takes it 40 ms of the processor for each kind of query and
 * makes large ones up to an eighth faster: after a hundred runs in place of three that may pay.
 */
const compiling = ['aggregate_expression', 'expression', 'sort_description']
  .map((what) => `min_count_to_compile_${what}=100`)
  .join(', ')

/**
 * In one thread, for of two rows with one key and one version the later counts. Rows that replace each other are left to
 * queries and merges, which take them together anyway: to look for them at the insert costs as much as all the rest of it.
 */
const insertSettings = `optimize_on_insert=0, max_threads=1, max_insert_threads=1, schema_inference_use_cache_for_file=0, ${compiling}`

function deduplication(token: string | undefined): string {
  if (token === undefined) return 'insert_deduplicate=0'
  return `insert_deduplicate=1, deduplicate_blocks_in_dependent_materialized_views=1, insert_deduplication_token=${quote(token)}`
}

/** See `ClickHouse`. Queries beyond the number of readers wait in line, up to a bound. */
export function createClickHouse(options: ClickHouseOptions): ClickHouse {
  const { writer, killer, source, queryTimeoutMs, queryMemoryBytes, onQuery } = options
  const bounds = `max_execution_time=${queryTimeoutMs / 1000}, max_memory_usage=${queryMemoryBytes}, ${compiling}`
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
      const settings = `SETTINGS log_comment='${id}', ${bounds}, output_format_json_quote_64bit_integers=0`
      const { stream } = await reader.exec({ query: `${sql} ${settings} FORMAT JSONCompactEachRow` })
      return await readRows<Row>(stream, signal)
    } catch (cause) {
      throw signal?.aborted ? signal.reason : queryFailure(cause, queryMemoryBytes)
    } finally {
      signal?.removeEventListener('abort', kill)
      running.ended(id)
    }
  }

  return {
    command: (sql) => write(async () => void (await writer.command({ query: sql }))),
    insert: (table, blocks, { token, constants = {} }) =>
      write(() =>
        source(blocks, async (from) => {
          const columns = ['*', ...Object.entries(constants).map(([name, value]) => `${value} AS ${name}`)]
          const query = `INSERT INTO ${table} SELECT ${columns.join(', ')} FROM ${from} SETTINGS ${insertSettings}, ${deduplication(token)}`
          await writer.command({ query })
        }),
      ),
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
      // A session that is closed under a statement holds on to its folder until that has ended.
      await Promise.all(options.readers.map(() => readers.take()))
      await running.settled()
      await Promise.all([writer, killer, ...options.readers].map((client) => client.close()))
    },
  }
}
