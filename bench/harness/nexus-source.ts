import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** This repository: Nexus is measured from its sources. */
export const root = join(import.meta.dirname, '../..')

export function nexusVersion(): string {
  return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim()
}

/** Its embedded engines, with its rate limits off. */
export function nexusEnv(dataDir: string, port: number): Record<string, string> {
  return { NEXUS_PORT: String(port), NEXUS_DATA_DIR: dataDir, NEXUS_RATE_LIMITS: 'off' }
}

/** The header with which a client may do everything, once Nexus has started over this folder. */
export function adminHeaders(dataDir: string): { authorization: string } {
  return { authorization: `Bearer ${readFileSync(join(dataDir, 'admin.key'), 'utf8').trim()}` }
}
