import { errorTable } from '@nexus/contract'
import { NexusError } from '@nexus/sdk'
import { keysCommand } from './keys.ts'
import { printable } from './printable.ts'
import { UsageError, type World } from './world.ts'

export const help = `nexus: a self-hosted control plane

  nexus start [--config <file>]            serve on NEXUS_HOST and NEXUS_PORT
  nexus config check|default|doc           check the configuration; print a file to begin with, or the table of keys
  nexus keys generate                      make an API key offline, as for NEXUS_ADMIN_KEY
  nexus keys create --name <name> --scope <scope>...
                    [--expires-at <time>] [--device-id <id>] [--agent-id <id>] [--allow-cidr <cidr>...]
  nexus keys list
  nexus keys revoke <key_id>
  nexus keys rotate <key_id> [--grace 24h]
  nexus help

Options of the keys commands:
  --url <url>    the server (NEXUS_URL; http://127.0.0.1:8420)
  --key <key>    an admin key (NEXUS_API_KEY; for a local server, admin.key in NEXUS_DATA_DIR). A process list shows
                 arguments: prefer the variable.
  --json         answer in JSON

Exit codes: 0 done, 1 server error, 2 bad request or usage, 3 not permitted, 4 not found, 5 conflict, 6 rate limit,
7 unavailable or timed out.
`

/** Runs a command line; answers the exit code. */
export async function run(args: readonly string[], world: World): Promise<number> {
  try {
    await dispatch(args, world)
    return 0
  } catch (error) {
    if (error instanceof NexusError) return report(error, world)
    // parseArgs throws TypeErrors with codes of its own.
    const usage = error instanceof UsageError || String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')
    if (!usage) throw error
    world.err(`nexus: ${(error as Error).message}\nTry: nexus help\n`)
    return errorTable.INVALID_REQUEST.exit
  }
}

async function dispatch(args: readonly string[], world: World): Promise<void> {
  const [command, ...rest] = args
  switch (command) {
    case 'start':
    case 'config':
      return world.becomeServer([command, ...rest], world.env)
    case 'keys':
      if (rest.includes('--help') || rest.includes('-h')) return world.out(help)
      return keysCommand(rest, world)
    case 'help':
    case '--help':
    case '-h':
    case undefined:
      return world.out(help)
    default:
      throw new UsageError(`there is no command '${command}'`)
  }
}

function report(failure: NexusError, world: World): number {
  const { field, issue, reason } = failure.details
  const where = [field, issue ?? reason].filter(Boolean).join(': ')
  const request = failure.requestId ? ` [${failure.requestId}]` : ''
  world.err(`${printable(`nexus: ${failure.code}: ${failure.message}${where ? ` (${where})` : ''}${request}`)}\n`)
  return errorTable[failure.code].exit
}
