import { commandEventsStream } from '@nexus/contract'
import type { Principal } from '../core/context.ts'
import { authorise } from '../core/invoke.ts'
import { type CommandDeps, foundCommand } from './deps.ts'
import { isOver } from './record.ts'

/** Where the events of a command are in the log. */
export interface Trail {
  /** The event before its first one. */
  after: string
  /** Its last event; undefined: it has not ended. */
  last: string | undefined
}

/** Errors: FORBIDDEN, NOT_FOUND. */
export async function trailOf(deps: CommandDeps, principal: Principal, commandId: string): Promise<Trail> {
  authorise(commandEventsStream, principal)
  const command = await foundCommand(deps, { principal }, commandId)
  const first = Number(command.eventId.slice('evt-'.length))
  return { after: `evt-${first - 1}`, last: isOver(command.status) ? command.lastEventId : undefined }
}
