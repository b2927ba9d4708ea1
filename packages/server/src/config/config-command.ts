import { type Config, ConfigError, type ConfigSources, loadConfig } from '../config.ts'
import { configCheckText, configDefaultText, configDocText } from './config-text.ts'

export interface CommandResult {
  stdout: string
  stderr: string
  exitCode: number
}

/** `config check|default|doc`: `args` is what follows `config`. Starts nothing and writes nothing. */
export function configCommand(sources: ConfigSources): CommandResult {
  const [verb, ...args] = sources.args
  switch (verb) {
    case 'check':
      return check({ ...sources, args })
    case 'default':
      return { stdout: configDefaultText(), stderr: '', exitCode: 0 }
    case 'doc':
      return { stdout: configDocText(), stderr: '', exitCode: 0 }
    default:
      return { stdout: '', stderr: 'usage: nexus config check|default|doc [--config <file>]\n', exitCode: 2 }
  }
}

function check(sources: ConfigSources): CommandResult {
  try {
    const config: Config = loadConfig(sources)
    return { stdout: configCheckText(config), stderr: '', exitCode: 0 }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { stdout: '', stderr: `${error.message}\n`, exitCode: 2 }
  }
}
