import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export interface HostMetricsOptions {
  url: string
  apiKey: string
  intervalMs: number
  /** Frames to send before it ends. */
  count: number
}

/** Reads the command line, then the environment, then `./data/admin.key`. Throws what to mend, in one sentence. */
export function optionsFrom(args: string[], env: NodeJS.ProcessEnv): HostMetricsOptions {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string', default: env.NEXUS_URL ?? 'http://127.0.0.1:8420' },
      key: { type: 'string' },
      interval: { type: 'string', default: '2' },
      count: { type: 'string', default: 'Infinity' },
      once: { type: 'boolean', default: false },
    },
  })
  return {
    url: values.url,
    apiKey: values.key ?? env.NEXUS_API_KEY ?? keyBesideServer(env.NEXUS_DATA_DIR ?? './data'),
    intervalMs: positive('--interval', values.interval) * 1000,
    count: values.once ? 1 : positive('--count', values.count),
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, not ${text}`)
  return value
}

function keyBesideServer(dataDir: string): string {
  try {
    return readFileSync(`${dataDir}/admin.key`, 'utf8').trim()
  } catch (cause) {
    throw new Error(`no key: give --key or NEXUS_API_KEY, or run this where ${dataDir}/admin.key is`, { cause })
  }
}
