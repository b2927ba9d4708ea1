import { commandEventsStream } from '@nexus/contract'
import type { Principal } from '../core/context.ts'
import { authorise } from '../core/invoke.ts'
import { type Trail, trailFrom } from '../core/trail.ts'
import { type CommandDeps, foundCommand } from './deps.ts'
import { isOver } from './record.ts'

/** Where the events of a command are, for a key that may see it. Errors: FORBIDDEN, NOT_FOUND. */
export async function trailOf(deps: CommandDeps, principal: Principal, commandId: string): Promise<Trail> {
  authorise(commandEventsStream, principal)
  const command = await foundCommand(deps, { principal }, commandId)
  return trailFrom(command.eventId, isOver(command.status) ? command.lastEventId : undefined)
}
