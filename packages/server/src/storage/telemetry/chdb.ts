import { createClient } from '@clickhouse/client'
import { createChdbConnection } from 'chdb/connection'
import type { ClickHouse } from './clickhouse.ts'
import { createClickHouse, statementSettings } from './clickhouse.ts'
import { spooled } from './spool.ts'
import { quote } from './sql.ts'

export interface ChdbOptions {
  path: string
  readers: number
  queryTimeoutMs: number
  queryMemoryBytes: number
  onQuery(seconds: number): void
}

/**
 * ClickHouse inside this process. One session answers one query at a time, so readers have a few of their own, and the
 * writer never waits behind a query. A folder belongs to one process.
 */
export function openChdb(options: ChdbOptions): ClickHouse {
  // chdb's types come from @clickhouse/client-common, the client's from a copy of it: alike, but nominally apart.
  const connect = () => createChdbConnection({ path: options.path }) as never
  const open = () =>
    createClient({ connection: connect(), log: { level: silent }, clickhouse_settings: statementSettings })
  return createClickHouse({
    writer: open(),
    readers: Array.from({ length: options.readers }, open),
    source: (blocks, fn) => spooled(`${options.path}.spool`, blocks, (path) => fn(`file(${quote(path)}, Native)`)),
    killer: open(),
    queryTimeoutMs: options.queryTimeoutMs,
    queryMemoryBytes: options.queryMemoryBytes,
    onQuery: options.onQuery,
  })
}

/** `ClickHouseLogLevel.OFF`; the enum cannot be imported as a type-stripped const. */
const silent = 127
