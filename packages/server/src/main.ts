import { readFileSync } from 'node:fs'
import { startNexus } from './compose.ts'
import { type CommandResult, configCommand } from './config/config-command.ts'
import { type Config, ConfigError, loadConfig } from './config.ts'

const [command = 'start', ...args] = process.argv.slice(2)

switch (command) {
  case 'start':
    await start(settled(args))
    break
  case 'config':
    report(configCommand({ env: process.env, args, readFile }))
    break
  default:
    stopWith(`There is no command "${command}": expected start or config`)
}

async function start(config: Config): Promise<void> {
  const nexus = await startNexus(config).catch((cause: unknown) =>
    stopWith(String(cause instanceof Error ? cause.message : cause)),
  )
  if (nexus.newAdminKey !== undefined) {
    process.stdout.write(
      `\nAdmin key, shown this once and kept in ${config.dataDir}/admin.key:\n\n  ${nexus.newAdminKey}\n\n`,
    )
  }
  process.stdout.write(`Nexus listens on ${nexus.url}; its API is described at ${nexus.url}/docs\n`)

  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await nexus.stop()
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

function settled(args: readonly string[]): Config {
  try {
    return loadConfig({ env: process.env, args, readFile })
  } catch (cause) {
    if (cause instanceof ConfigError) stopWith(cause.message)
    throw cause
  }
}

function report({ stdout, stderr, exitCode }: CommandResult): void {
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  process.exitCode = exitCode
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function stopWith(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
