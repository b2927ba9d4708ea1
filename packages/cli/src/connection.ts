import { join } from 'node:path'
import { UsageError, type World } from './world.ts'

export interface Connection {
  url: string
  key: string
}

/**
 * Where to call, and as whom. The admin key of a local data directory is offered to a local server only: it is not
 * for whoever answers at a `NEXUS_URL`.
 */
export function connectionOf(options: { url?: string; key?: string }, world: World): Connection {
  const url = options.url ?? (world.env.NEXUS_URL || `http://127.0.0.1:${world.env.NEXUS_PORT || 8420}`)
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(`'${url}' is not an http URL`)
  const key = options.key ?? (world.env.NEXUS_API_KEY || localAdminKey(url, world))
  if (!key)
    throw new UsageError('needs an API key: --key, NEXUS_API_KEY, or for a local server admin.key in NEXUS_DATA_DIR')
  return { url, key }
}

function localAdminKey(url: string, world: World): string | undefined {
  if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(new URL(url).hostname)) return undefined
  try {
    return world.readFile(join(world.env.NEXUS_DATA_DIR || './data', 'admin.key')).trim()
  } catch {
    return undefined
  }
}
