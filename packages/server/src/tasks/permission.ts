import type { TaskDefinition } from '@nexus/contract'
import { checkTarget } from '../commands/index.ts'
import { type Ctx, holds, type Principal } from '../core/context.ts'
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
  { http }: Pick<TaskDeps, 'http'>,
  { principal }: Ctx,
  definition: TaskDefinition,
): Promise<void> {
  assertScopes(principal, definition)
  const handler = handlerOf(definition)
  if (handler.type === 'http') await http.check(handler.url, 'handler.url')
  if (handler.type === 'command') checkTarget(principal, handler.target, 'handler.target')
}

/** What the task does, and what it asks, needs these of its caller too. Errors: FORBIDDEN, naming the scope. */
export function assertScopes(principal: Principal, definition: TaskDefinition): void {
  const handler = handlerOf(definition)
  const isCommand = principal.scopes.some((scope) => scope.startsWith('command:execute'))
  if (handler.type === 'command' && !isCommand && !holds(principal, 'admin')) throw lacks('handler', 'command:execute')
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
