import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export interface WorkerExampleOptions {
  url: string
  apiKey: string
  /** Where the files go. */
  folder: string
  /** Rolls up this day, as in `2026-11-23`, and ends; undefined: works until it is stopped. */
  day: string | undefined
}

/** Reads the command line, then the environment, then `./data/admin.key`. Throws what to mend, in one sentence. */
export function workerOptionsFrom(args: string[], env: NodeJS.ProcessEnv, now = new Date()): WorkerExampleOptions {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string', default: env.NEXUS_URL ?? 'http://127.0.0.1:8420' },
      key: { type: 'string' },
      folder: { type: 'string', default: 'rollups' },
      now: { type: 'boolean', default: false },
      day: { type: 'string' },
    },
  })
  if (values.day !== undefined && !isDay(values.day))
    throw new Error(`--day must be a day such as 2026-11-23, not ${values.day}`)
  return {
    url: values.url,
    apiKey: values.key ?? env.NEXUS_API_KEY ?? keyBesideServer(env.NEXUS_DATA_DIR ?? './data'),
    folder: values.folder,
    day: values.day ?? (values.now ? dayBefore(now) : undefined),
  }
}

/** A day of UTC. */
export function isDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(at) && new Date(at).toISOString().slice(0, 10) === text
}

export function dayBefore(at: Date): string {
  return new Date(at.getTime() - 86_400_000).toISOString().slice(0, 10)
}

function keyBesideServer(dataDir: string): string {
  try {
    return readFileSync(`${dataDir}/admin.key`, 'utf8').trim()
  } catch (cause) {
    throw new Error(`no key: give --key or NEXUS_API_KEY, or run this where ${dataDir}/admin.key is`, { cause })
  }
}
