import { parseDocument } from 'yaml'
import { nearest } from '../core/nearest.ts'
import type { ConfigFault } from './config-fault.ts'
import { type ConfigName, configNames, yamlName } from './config-keys.ts'

const byYamlName = new Map(configNames.map((name) => [yamlName(name), name]))

/** The raw values of a `nexus.yaml`. Keys may nest wherever an underscore stands: `query: {cache_mb: 64}`. */
export function configFileValues(source: string, path: string, faults: ConfigFault[]): Map<ConfigName, unknown> {
  const values = new Map<ConfigName, unknown>()
  const document = parseDocument(source, { prettyErrors: false, uniqueKeys: true })
  for (const error of document.errors) {
    const line = source.slice(0, error.pos[0]).split('\n').length
    faults.push({ key: path, issue: `is not YAML (line ${line}): ${error.message}` })
  }
  if (document.errors.length > 0) return values
  const root: unknown = safeToJs(document, path, faults)
  if (root === null || root === undefined) return values
  if (!isMap(root)) {
    faults.push({ key: path, issue: 'must hold a map of keys' })
    return values
  }
  collect(root, '', path, values, faults)
  return values
}

/** `toJS` throws on alias bombs and unresolved aliases. */
function safeToJs(document: ReturnType<typeof parseDocument>, path: string, faults: ConfigFault[]): unknown {
  try {
    return document.toJS({ maxAliasCount: 10 })
  } catch (error) {
    faults.push({ key: path, issue: `is not usable: ${(error as Error).message}` })
    return undefined
  }
}

function collect(
  map: Record<string, unknown>,
  prefix: string,
  path: string,
  values: Map<ConfigName, unknown>,
  faults: ConfigFault[],
): void {
  for (const [key, value] of Object.entries(map)) {
    const full = prefix + key
    const name = byYamlName.get(full)
    if (name === undefined && isMap(value) && isPrefix(full)) {
      collect(value, `${full}_`, path, values, faults)
    } else if (name === undefined) {
      const meant = nearest(full, [...byYamlName.keys()])
      faults.push({ key: `${path}: ${full}`, issue: `is not a known key${meant ? `; did you mean ${meant}?` : ''}` })
    } else if (values.has(name)) {
      faults.push({ key: `${path}: ${full}`, issue: 'is given twice' })
    } else if (value !== null) {
      values.set(name, value)
    }
  }
}

function isPrefix(key: string): boolean {
  return [...byYamlName.keys()].some((known) => known.startsWith(`${key}_`))
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
