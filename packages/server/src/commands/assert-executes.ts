import type { Principal, Tx } from '../core/context.ts'
import { authoriseCategory, type CommandDeps } from './deps.ts'
import { categoryOf } from './policy.ts'

/**
 * Whether a key may execute a command of this name, as it is defined now, whatever its target. Without `tx`: as committed.
 * Errors: FORBIDDEN, naming the field and the scope.
 */
export async function assertExecutes(
  { store }: Pick<CommandDeps, 'store'>,
  principal: Principal,
  command: string,
  field: string,
  tx?: Tx,
): Promise<void> {
  const definition = await store.definition(command, tx)
  authoriseCategory(principal, definition?.category ?? categoryOf(command), field)
}
