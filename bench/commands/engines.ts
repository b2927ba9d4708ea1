import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { isListening } from '../harness/listening.ts'
import { freePort, type ServerProcess, startUntil } from '../harness/server-process.ts'
import type { Engines } from './peers/peer.ts'

export interface StartedEngines extends Engines {
  /** What decides how durable PostgreSQL is, as it is set here. */
  postgresSettings(): Promise<string>
  postgresAvailable(): Promise<boolean>
  redisAvailable(): boolean
  stop(): Promise<void>
}

/** Engines for one measurement: Redis as a process of its own, and a database on the PostgreSQL that is there. */
export function enginesIn(dir: string, postgres: string): StartedEngines {
  mkdirSync(dir, { recursive: true })
  let redis: ServerProcess | undefined
  let database: string | undefined
  return {
    dir,
    async postgresUrl() {
      database = `nexus_bench_${randomBytes(6).toString('hex')}`
      await onServer(postgres, `create database ${database}`)
      const url = new URL(postgres)
      url.pathname = `/${database}`
      return url.href
    },
    async redisPort() {
      const port = await freePort()
      redis = await startRedis(dir, port)
      return port
    },
    async postgresSettings() {
      const [row] = await onServer(
        postgres,
        "select current_setting('server_version') as version, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit",
      )
      return `PostgreSQL ${row!.version}, \`fsync\` ${row!.fsync}, \`synchronous_commit\` ${row!.commit}`
    },
    postgresAvailable: () =>
      onServer(postgres, 'select 1').then(
        () => true,
        () => false,
      ),
    redisAvailable: () => spawnSync('redis-server', ['--version']).status === 0,
    async stop() {
      await redis?.stop()
      if (database) await onServer(postgres, `drop database ${database} with (force)`)
    },
  }
}

async function startRedis(dir: string, port: number): Promise<ServerProcess> {
  const settings = { port, dir, appendonly: 'yes', appendfsync: 'always', save: '', bind: '127.0.0.1' }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  return startUntil('redis', { command: 'redis-server', args }, () => isListening(port), join(dir, 'redis.log'))
}

async function onServer(url: string, sql: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
