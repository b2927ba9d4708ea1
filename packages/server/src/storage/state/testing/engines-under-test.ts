import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import pg from 'pg'
import type { StateOptions } from '../index.ts'

export interface EngineUnderTest {
  name: 'SQLite' | 'PostgreSQL'
  /** Why the engine can't be tested here. */
  skip?: string
  /** A state of its own for one test, removed when the test ends; engines are to be closed by then. */
  fresh(t: TestContext): Promise<StateOptions>
}

const url = process.env.NEXUS_TEST_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test'

/** SQLite always; PostgreSQL where `NEXUS_TEST_POSTGRES_URL` is reachable, and in CI it must be. */
export async function enginesUnderTest(): Promise<EngineUnderTest[]> {
  const unreachable = await onServer('select 1').then(
    () => undefined,
    (error) => `PostgreSQL can't be reached at NEXUS_TEST_POSTGRES_URL: ${error}`,
  )
  if (unreachable !== undefined && process.env.CI === 'true') throw new Error(unreachable)
  return [
    { name: 'SQLite', fresh: async (t) => ({ file: join(temporaryFolder(t), 'state.db') }) },
    { name: 'PostgreSQL', fresh: freshDatabase, ...(unreachable !== undefined && { skip: unreachable }) },
  ]
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function freshDatabase(t: TestContext): Promise<StateOptions> {
  const name = `nexus_test_${randomBytes(6).toString('hex')}`
  // Not the order of bytes, so that nothing relies on that by chance.
  await onServer(`create database ${name} template template0 locale_provider icu icu_locale 'en-US' locale 'C.UTF-8'`)
  t.after(() => onServer(`drop database ${name} with (force)`))
  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, connectionsMax: 4 }
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end()
  }
}
