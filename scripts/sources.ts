import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** The texts of the files under `root` that match a glob, by path with forward slashes. */
export function readSources(root: string, patterns: string[]): Map<string, string> {
  const skipped = (name: string) => name === 'node_modules' || name === 'fixtures' || name === 'dist'
  const files = globSync(patterns, { cwd: root, exclude: skipped }).sort()
  return new Map(files.map((file) => [file.split(sep).join('/'), readFileSync(join(root, file), 'utf8')]))
}
