import { createHash } from 'node:crypto'
import type { PostgresPoolClient } from 'kysely'
import type pg from 'pg'
import { exhaustion } from './postgres-failure.ts'

/** What holds of some statements. */
export interface Marks {
  /** Texts that are parsed once a connection. */
  prepared: ReadonlySet<string>
  /** Parameters of those whose answer nobody makes use of. */
  unawaited: Pick<WeakSet<readonly unknown[]>, 'has'>
}

/** Bounds what a connection has been sent, and has not answered. */
const unawaitedMax = 32

/**
 * A client that saves ways to the server: `begin` and what is unawaited travel with the statement that comes next. If one
 * of them fails, that one fails with it, unless it is a rollback.
 */
export function quickClient(client: pg.PoolClient, { prepared, unawaited }: Marks): PostgresPoolClient {
  let sent: Promise<unknown>[] = []
  const query = async (text: string, values: readonly unknown[] = []) => {
    const asked = client.query({ text, values: [...values], ...(prepared.has(text) && { name: nameOf(text) }) })
    if ((text === 'begin' || unawaited.has(values)) && sent.length < unawaitedMax) {
      // Whoever asks next hears of it.
      asked.catch(() => {})
      sent.push(asked)
      return { command: 'SENT' as const, rowCount: null, rows: [] }
    }
    const before = sent
    sent = []
    try {
      if (text !== 'rollback') await Promise.all([...before, asked])
      return await asked
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
