import type { DatabaseSync, StatementSync } from 'node:sqlite'

const statementsMax = 500

export interface PreparedStatement {
  statement: StatementSync
  returnsRows: boolean
}

/** The statements of one connection, prepared once; of many the oldest are prepared anew. */
export class SqliteStatements {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, PreparedStatement>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  prepare(sql: string): PreparedStatement {
    const known = this.#prepared.get(sql)
    if (known) return known
    const statement = this.#database.prepare(sql)
    const prepared = { statement, returnsRows: statement.columns().length > 0 }
    if (this.#prepared.size >= statementsMax) this.#prepared.delete(this.#prepared.keys().next().value!)
    this.#prepared.set(sql, prepared)
    return prepared
  }
}
