import { inParts } from '../core/in-parts.ts'
import type { Ends } from './ends.ts'
import type { CommandStore } from './ports.ts'

const askedAtOnce = 500

/** Tells the calls that wait here for the end of a command that it has ended on another node. */
export async function tellEndsElsewhere(
  store: Pick<CommandStore, 'ended' | 'find' | 'onlyExecutions'>,
  ends: Ends,
): Promise<void> {
  for (const part of inParts(ends.awaited, askedAtOnce)) {
    const ids = await store.ended(part)
    if (ids.length === 0) continue
    const only = await store.onlyExecutions(ids)
    for (const command of await store.find(ids)) ends.tell({ command, only: only.get(command.commandId) })
  }
}
