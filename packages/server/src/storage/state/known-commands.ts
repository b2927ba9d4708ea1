import type { CommandRecord } from '../../commands/index.ts'
import type { Tx } from '../../core/context.ts'
import { atHand, jsonSize } from './at-hand.ts'
import type { StateEngine } from './engine.ts'
import { KnownIn } from './known-in.ts'

/**
 * What transactions know of commands where there is one writer at a time; each caller has a record of its own, to be
 * changed.
 */
export function knownCommands(engine: StateEngine) {
  const inTransactions = new KnownIn<CommandRecord>(
    ({ commandId }) => commandId,
    atHand(engine, {
      isWorth: ({ completedAt }) => completedAt === null,
      bytesOf: ({ parameters, target, resultSchema }) =>
        jsonSize(parameters) + jsonSize(target) + jsonSize(resultSchema),
    }),
  )
  return {
    find(tx: Tx | undefined, commandIds: readonly string[]) {
      const { known, unknown } = inTransactions.find(tx, commandIds)
      return { known: known.map((command) => ({ ...command })), unknown }
    },

    /** Returns it. */
    note(tx: Tx, command: CommandRecord): CommandRecord {
      if (engine.kind === 'sqlite') inTransactions.note(tx, [{ ...command }])
      return command
    },
  }
}
