import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ApiKeyCreate } from '@nexus/contract'
import { createClient, type NexusClient } from '@nexus/sdk'
import { startNexus } from '../compose.ts'
import { type Config, loadConfig } from '../config.ts'

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

/** A real server on a free port, on the embedded engines, in a folder of its own; stops with the test. */
export async function startTestNexus(t: TestContext, config: Partial<Config> = {}): Promise<TestNexus> {
  const folder = config.dataDir ?? testFolder(t)
  const defaults = loadConfig({ env: {}, args: [], readFile: () => undefined })
  const nexus = await startNexus({
    ...defaults,
    port: 0,
    dataDir: folder,
    logLevel: 'silent',
    rateLimits: 'off',
    queryConcurrency: 2,
    ...config,
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= nexus.stop()
    return stopped
  }
  t.after(stop)
  const key = nexus.newAdminKey ?? config.adminKey ?? ''
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
