import type { TaskDefinition } from '@nexus/contract'
import { checkTarget } from '../commands/index.ts'
import { type Ctx, holds, type Principal, type Tx } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import { scopeOfEvent } from '../events/index.ts'
import { handlerOf, parametersOf } from './definition.ts'
import type { TaskDeps } from './deps.ts'
import { dependenciesNamed } from './templates.ts'

/**
 * Whether the caller may do what the task will do in its name. Errors: FORBIDDEN, naming the scope; VALIDATION_ERROR (an
 * address that may not be called).
 */
export async function assertPermitted(
  deps: Pick<TaskDeps, 'http' | 'commands'>,
  { principal }: Ctx,
  definition: TaskDefinition,
): Promise<void> {
  await assertMay(deps, principal, definition)
  const handler = handlerOf(definition)
  if (handler.type === 'http') await deps.http.check(handler.url, 'handler.url')
}

/**
 * The same but for addresses, which is known to the state alone: what the task does, to what, and what it asks needs these
 * scopes of its caller too. Errors: FORBIDDEN, naming the scope.
 */
export async function assertMay(
  { commands }: Pick<TaskDeps, 'commands'>,
  principal: Principal,
  definition: TaskDefinition,
  tx?: Tx,
): Promise<void> {
  const handler = handlerOf(definition)
  if (handler.type === 'command') {
    await commands.assertExecutes(principal, handler.command, 'handler.command', tx)
    checkTarget(principal, handler.target, 'handler.target')
  }
  if (handler.type === 'telemetry_query' && !holds(principal, 'telemetry:read'))
    throw lacks('handler', 'telemetry:read')
  if (dependenciesNamed(parametersOf(definition)).length > 0 && !holds(principal, 'task:read'))
    throw lacks('parameters', 'task:read')
  if (definition.guard && !holds(principal, 'telemetry:read')) throw lacks('guard', 'telemetry:read')
  for (const type of definition.trigger?.event_types ?? []) {
    const scope = scopeOfEvent(type)
    if (!holds(principal, scope)) throw lacks('trigger.event_types', scope)
  }
}

function lacks(field: string, scope: string) {
  return fail('FORBIDDEN', { field, required_scope: scope, issue: `needs the scope ${scope}` })
}
