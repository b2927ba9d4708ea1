import { createHash } from 'node:crypto'
import type { PostgresPoolClient } from 'kysely'
import type pg from 'pg'
import { exhaustion } from './postgres-failure.ts'

/**
 * A client that saves ways to the server: `begin` travels with the first statement, whose failure is that of both, and the
 * statements in `prepared` are parsed once a connection.
 */
export function quickClient(client: pg.PoolClient, prepared: ReadonlySet<string>): PostgresPoolClient {
  let begun: Promise<unknown> | undefined
  const query = async (text: string, values: readonly unknown[] = []) => {
    if (text === 'begin') {
      begun = client.query(text)
      // Whoever asks next hears of it.
      begun.catch(() => {})
      return { command: 'BEGIN', rowCount: null, rows: [] }
    }
    const [before, asked] = [begun, { text, values: [...values], ...(prepared.has(text) && { name: nameOf(text) }) }]
    begun = undefined
    try {
      const [, result] = await Promise.all([before, client.query(asked)])
      return result
    } catch (error) {
      throw exhaustion(error) ?? error
    }
  }
  return Object.assign(Object.create(client), { query })
}

const names = new Map<string, string>()

function nameOf(text: string): string {
  const name = names.get(text) ?? `nexus-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
  names.set(text, name)
  return name
}
