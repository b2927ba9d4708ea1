import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { deviceId } from '@nexus/example-host-metrics'

export interface DeviceExampleOptions {
  url: string
  /** Undefined: see `deviceKey`. */
  apiKey: string | undefined
  id: string
  intervalMs: number
  /** Where the device keeps its key and its journal. */
  folder: string
  /** The data folder of a server on this machine. */
  serverFolder: string
  /** What commands name as the service. */
  service: string
  command: [program: string, ...args: string[]]
}

const demoService = fileURLToPath(new URL('demo-service.ts', import.meta.url))

/** Reads the command line, then the environment. Throws what to mend, in one sentence. */
export function deviceOptionsFrom(args: string[], env: NodeJS.ProcessEnv): DeviceExampleOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      url: { type: 'string', default: env.NEXUS_URL ?? 'http://127.0.0.1:8420' },
      key: { type: 'string' },
      'device-id': { type: 'string', default: deviceId(hostname()) },
      interval: { type: 'string', default: '5' },
      folder: { type: 'string' },
      service: { type: 'string' },
    },
  })
  const seconds = Number(values.interval)
  if (!(seconds > 0)) throw new Error(`--interval must be a number above 0, not ${values.interval}`)
  const [program, ...rest] = positionals
  const id = values['device-id']
  return {
    url: values.url,
    apiKey: values.key ?? env.NEXUS_API_KEY,
    id,
    intervalMs: seconds * 1000,
    folder: values.folder ?? join('device-data', id.replace(/[^\w.-]/g, '-')),
    serverFolder: env.NEXUS_DATA_DIR ?? './data',
    service: values.service ?? (program ? basename(program) : 'demo'),
    command: program ? [program, ...rest] : [process.execPath, demoService],
  }
}
