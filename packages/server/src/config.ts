import { ConfigError, type ConfigFault } from './config/config-fault.ts'
import { configFileValues } from './config/config-file.ts'
import { type Config, type ConfigName, configKeys, configNames, envName, yamlName } from './config/config-keys.ts'
import type { Key } from './config/key-kinds.ts'
import { nearest } from './core/nearest.ts'

export { ConfigError } from './config/config-fault.ts'
export type { Config } from './config/config-keys.ts'
export type { RateLimits } from './config/key-kinds.ts'

export interface ConfigSources {
  env: Readonly<Record<string, string | undefined>>
  /** The arguments after the subcommand; `--config <file>` is the one that is known. */
  args: readonly string[]
  /** The text of a file; undefined when there is none. */
  readFile(path: string): string | undefined
}

/** Read by the client commands, which share the environment with the server. */
const clientVariables = ['NEXUS_URL', 'NEXUS_API_KEY']

/**
 * Settles the configuration: environment over file over default. Every bad or unknown key is found before any is
 * reported, by a `ConfigError`. An empty variable counts as unset; `NEXUS_TEST_*` is left to the tests.
 */
export function loadConfig({ env, args, readFile }: ConfigSources): Config {
  const faults: ConfigFault[] = []
  const file = fileValues(configPath(args, env, faults), readFile, faults)
  const config: Record<string, unknown> = {}
  for (const name of configNames) config[name] = settle(name, env, file, faults)
  faults.push(...unknownVariables(env))
  if (faults.length === 0) faults.push(...contradictions(config as Config))
  if (faults.length > 0) throw new ConfigError(faults)
  return config as Config
}

interface FileValues {
  path: string
  values: ReadonlyMap<ConfigName, unknown>
}

function configPath(args: readonly string[], env: ConfigSources['env'], faults: ConfigFault[]): string | undefined {
  let path = env.NEXUS_CONFIG || undefined
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg.startsWith('--config=')) path = arg.slice('--config='.length)
    else if (arg === '--config' && args[i + 1] !== undefined) path = args[++i]
    else if (arg === '--config') faults.push({ key: '--config', issue: 'needs the path of a file' })
    else faults.push({ key: arg, issue: 'is not a known argument; there is --config <file>' })
  }
  return path
}

/** A file that was asked for must exist; `nexus.yaml` in the working directory may. */
function fileValues(asked: string | undefined, readFile: ConfigSources['readFile'], faults: ConfigFault[]): FileValues {
  const path = asked ?? 'nexus.yaml'
  const source = readFile(path)
  if (source === undefined && asked !== undefined) faults.push({ key: path, issue: 'cannot be read' })
  return { path, values: source === undefined ? new Map() : configFileValues(source, path, faults) }
}

function settle(name: ConfigName, env: ConfigSources['env'], file: FileValues, faults: ConfigFault[]): unknown {
  const key: Key<unknown> = configKeys[name]
  const variable = env[envName(name)]
  const inEnv = variable !== undefined && variable !== '' && !isServiceLink(envName(name), variable)
  if (!inEnv && !file.values.has(name)) return key.default
  const reading = key.read(inEnv ? variable : file.values.get(name))
  if ('value' in reading) return reading.value
  faults.push({ key: inEnv ? envName(name) : `${file.path}: ${yamlName(name)}`, issue: reading.issue })
  return key.default
}

function unknownVariables(env: ConfigSources['env']): ConfigFault[] {
  const known = [...configNames.map(envName), 'NEXUS_CONFIG', ...clientVariables]
  return Object.keys(env)
    .filter((name) => name.startsWith('NEXUS_') && !name.startsWith('NEXUS_TEST_') && !known.includes(name))
    .filter((name) => !isServiceLink(name, env[name]))
    .map((name) => {
      const meant = nearest(name, known)
      return { key: name, issue: `is not a known variable${meant ? `; did you mean ${meant}?` : ''}` }
    })
}

/**
 * Kubernetes gives every pod such variables for services named `nexus` or `nexus-...`, NEXUS_PORT among them.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
function isServiceLink(name: string, value = ''): boolean {
  return /^NEXUS_(\w+_)?(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))/.test(name) || /^(tcp|udp):\/\//.test(value)
}

function contradictions(config: Config): ConfigFault[] {
  const faults: ConfigFault[] = []
  const tls = config.tlsCert !== undefined
  if (tls !== (config.tlsKey !== undefined)) {
    const [given, missing] = tls ? ['NEXUS_TLS_CERT', 'NEXUS_TLS_KEY'] : ['NEXUS_TLS_KEY', 'NEXUS_TLS_CERT']
    faults.push({ key: missing, issue: `is needed too, since ${given} is given` })
  } else if (!tls && !config.insecure && !isLoopback(config.host)) {
    faults.push({
      key: 'NEXUS_HOST',
      issue: `would serve plain http on ${config.host}, and API keys with it: give NEXUS_TLS_CERT and NEXUS_TLS_KEY, or set NEXUS_INSECURE=true if a proxy ends TLS`,
    })
  }
  return faults
}

/** RFC 5735 and RFC 4291: all of 127.0.0.0/8, and ::1. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
