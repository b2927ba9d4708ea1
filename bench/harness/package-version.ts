import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Such as `ws 8.23.0`, of what is installed. */
export function packageVersion(name: string): string {
  const file = join(import.meta.dirname, '../../node_modules', name, 'package.json')
  return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`
}
