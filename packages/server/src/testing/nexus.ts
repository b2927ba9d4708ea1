import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ApiKeyCreate } from '@nexus/contract'
import { createClient, type NexusClient } from '@nexus/sdk'
import { createHasher } from '../auth/index.ts'
import { startNexus } from '../compose.ts'
import { type Config, loadConfig } from '../config.ts'
import { copyFirstStart } from './first-start.ts'

export interface TestNexus {
  url: string
  /** Of the admin key. */
  key: string
  client: NexusClient
  folder: string
  /** A plain request with the admin key; `key: null` sends none. */
  request(path: string, init?: RequestInit & { key?: string | null }): Promise<Response>
  /** A client that holds a new key. */
  as(settings: Omit<ApiKeyCreate, 'name'>): Promise<{ key: string; client: NexusClient }>
  stop(): Promise<void>
}

/** A folder that goes with the test. */
export function testFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** At the least cost that bcrypt has: half of what `operations.test.ts` took were the hashes of its keys. */
export const testHasher = createHasher({ cost: 4 })

/** Of a server of tests: on a free port, quiet, without limits. */
export function testConfig(dataDir: string): Config {
  const defaults = loadConfig({ env: {}, args: [], readFile: () => undefined })
  return { ...defaults, port: 0, dataDir, logLevel: 'silent', rateLimits: 'off', queryConcurrency: 2 }
}

/**
 * A real server on a free port, on the embedded engines; stops with the test. Its folder is that of a first start, unless
 * one is named, or another state or key.
 */
export async function startTestNexus(t: TestContext, config: Partial<Config> = {}): Promise<TestNexus> {
  const folder = config.dataDir ?? testFolder(t)
  const { dataDir, stateUrl, adminKey } = config
  const isCopy = [dataDir, stateUrl, adminKey].every((given) => given === undefined)
  if (isCopy) copyFirstStart(folder)
  const nexus = await startNexus({ ...testConfig(folder), ...config }, testHasher)
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= nexus.stop()
    return stopped
  }
  t.after(stop)
  const keyFile = join(folder, 'admin.key')
  const key = nexus.newAdminKey ?? adminKey ?? (isCopy ? readFileSync(keyFile, 'utf8').trim() : '')
  const clientOf = (apiKey: string) => createClient({ url: nexus.url, apiKey, retry: false })
  const client = clientOf(key)
  return {
    url: nexus.url,
    key,
    client,
    folder,
    request(path, { key: given, ...init } = {}) {
      const sent = given === undefined ? key : given
      return fetch(`${nexus.url}${path}`, {
        ...init,
        headers: { ...(sent !== null && { authorization: `Bearer ${sent}` }), ...init.headers },
      })
    },
    async as(settings) {
      const { key: made } = await client.auth.keys.create({ name: 'test', ...settings })
      return { key: made, client: clientOf(made) }
    },
    stop,
  }
}

/** Posts JSON. */
export function json(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}
