import { join } from 'node:path'
import { createClient, type NexusClient } from '@nexus/sdk'
import { UsageError, type World } from './world.ts'

/**
 * A client of the server that the command line or the environment names. The admin key of a local data directory is
 * offered to a local server only, and no key follows a redirect: it is not for whoever answers at a `NEXUS_URL`. Who waits
 * at a terminal repeats by hand.
 */
export function clientOf(options: { url?: string; key?: string }, world: World): NexusClient {
  const url = options.url ?? (world.env.NEXUS_URL || `http://127.0.0.1:${world.env.NEXUS_PORT || 8420}`)
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(`'${url}' is not an http URL`)
  const key = options.key ?? (world.env.NEXUS_API_KEY || localAdminKey(url, world))
  if (!key)
    throw new UsageError('needs an API key: --key, NEXUS_API_KEY, or for a local server admin.key in NEXUS_DATA_DIR')
  return createClient({
    url,
    apiKey: key,
    retry: false,
    fetch: (to, init) => fetch(to, { ...init, redirect: 'error' }),
  })
}

function localAdminKey(url: string, world: World): string | undefined {
  if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(new URL(url).hostname)) return undefined
  try {
    return world.readFile(join(world.env.NEXUS_DATA_DIR || './data', 'admin.key')).trim()
  } catch {
    return undefined
  }
}
