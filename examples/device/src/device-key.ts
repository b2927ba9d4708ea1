import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@nexus/sdk'
import type { DeviceExampleOptions } from './options.ts'

/**
 * The device's key: as given, else as it was kept, else made with the admin key of a server on this machine, which isn't used
 * for anything else. One that is made can send and execute as this device alone. Throws what to mend, in one sentence.
 */
export async function deviceKey(options: DeviceExampleOptions): Promise<string> {
  if (options.apiKey !== undefined) return options.apiKey
  const file = join(options.folder, 'device.key')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const admin = createClient({ url: options.url, apiKey: adminKey(options.serverFolder) })
  const name = `device ${options.id}`.slice(0, 100)
  const { key } = await admin.auth.keys.create({ name, scopes: ['telemetry:write'], device_id: options.id })
  mkdirSync(options.folder, { recursive: true })
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  return key
}

function adminKey(serverFolder: string): string {
  try {
    return readFileSync(join(serverFolder, 'admin.key'), 'utf8').trim()
  } catch (cause) {
    const message = `no key: give --key or NEXUS_API_KEY, or run this where ${serverFolder}/admin.key is`
    throw new Error(message, { cause })
  }
}
