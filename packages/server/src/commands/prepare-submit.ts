import { type CommandInput, commandLimits } from '@nexus/contract'
import { checkNumbers } from '../core/check-numbers.ts'
import { parseCondition } from '../core/condition.ts'
import { type Ctx, holds, type Principal } from '../core/context.ts'
import { fail, invalid } from '../core/failure.ts'
import { authoriseCategory, type CommandDeps } from './deps.ts'
import { categoryOf, type Ruling, rulingFor } from './policy.ts'
import type { DefinitionRecord } from './record.ts'
import { schemaFaults } from './schema.ts'
import { resolveTarget, type Targets } from './target.ts'
import { withinMs } from './verify.ts'

/** A command that may be submitted. */
export interface Plan {
  ruling: Ruling
  targets: Targets
  resultSchema: object | null
  warnings: { reason: string; field: string; issue: string }[]
}

const offlineListed = 20

/**
 * Everything that is asked before the transaction opens. `only`: the devices that the target is about now. Errors: those of
 * `resolveTarget`; INVALID_REQUEST (a number that would be altered, a `timeout_seconds` among the parameters that is none);
 * FORBIDDEN (the category), VALIDATION_ERROR (the parameters are against the definition, a condition that is none, an address
 * that may not be called back), CONFLICT (`target_offline`, where the command may not wait for its device).
 */
export async function prepareSubmit(
  deps: CommandDeps,
  ctx: Ctx,
  input: CommandInput,
  only?: readonly string[],
): Promise<Plan> {
  checkNumbers('parameters', input.parameters)
  const definition = await deps.store.definition(input.command)
  const ruling = rulingFor(input, definition)
  authoriseCategory(ctx.principal, ruling.category)
  checkCategory(ctx.principal, input, definition)
  checkParameters(ruling.parameters, definition?.parametersSchema ?? undefined)
  checkConditions(input)
  if (input.callback_events && input.callback_url === undefined)
    throw invalid('callback_events', 'needs a callback_url', 'VALIDATION_ERROR')
  if (input.wait_seconds !== undefined && input.async !== false)
    throw invalid('wait_seconds', 'has no effect unless async is false', 'VALIDATION_ERROR')
  if (input.callback_url !== undefined) await deps.callbacks.check(input.callback_url, 'callback_url')
  const targets = await resolveTarget(deps, ctx, input.target, only)
  if (ruling.delivery.mode === 'immediate') assertOnline(deps, targets)
  const resultSchema = definition?.resultSchema ?? null
  return { ruling, targets, resultSchema, warnings: warningsOf(deps, targets) }
}

/** What a command is, its name says: a narrowed key would otherwise execute anything under the category that it has. */
function checkCategory(principal: Principal, { command, category }: CommandInput, definition?: DefinitionRecord): void {
  const known = definition?.category ?? categoryOf(command)
  if (category === undefined || category === known) return
  if (definition || known !== 'custom') throw invalid('category', `${command} is ${known}`, 'VALIDATION_ERROR')
  if (holds(principal, 'command:execute')) return
  const issue = 'a command that is not defined is custom, unless the key has the scope command:execute'
  throw fail('FORBIDDEN', { field: 'category', required_scope: 'command:execute', issue })
}

function checkConditions({ verify, rollout }: CommandInput): void {
  const { metric, failed_percent, min_executed } = rollout?.abort ?? {}
  if (metric !== undefined) parseCondition(metric, 'rollout.abort.metric')
  if (min_executed !== undefined && failed_percent === undefined)
    throw invalid('rollout.abort.min_executed', 'needs a failed_percent beside it', 'VALIDATION_ERROR')
  if (!verify) return
  const { forMs } = parseCondition(verify.metric, 'verify.metric')
  if (forMs > 0 && forMs >= withinMs(verify))
    throw invalid('verify.within_seconds', `must be more than the ${forMs / 1000} s of the metric`, 'VALIDATION_ERROR')
}

function checkParameters(parameters: Record<string, unknown>, schema: object | undefined): void {
  const bytes = Buffer.byteLength(JSON.stringify(parameters))
  if (bytes > commandLimits.parametersBytesMax)
    throw invalid('parameters', `have ${bytes} bytes as JSON: at most ${commandLimits.parametersBytesMax}`)
  const errors = schema ? schemaFaults(schema, parameters, 'parameters') : []
  const [first] = errors
  if (first) throw fail('VALIDATION_ERROR', { ...first, reason: 'against_definition', errors })
}

function assertOnline({ receivers }: CommandDeps, targets: Targets): void {
  const offline = [...targets].filter(([id, status]) => status !== 'online' && !receivers.has(id)).map(([id]) => id)
  if (offline.length === 0) return
  throw fail('CONFLICT', {
    reason: 'target_offline',
    field: 'target',
    issue: `${offline.length} of ${targets.size} devices are offline: "delivery": { "mode": "queue" } lets it wait for them`,
    device_ids: offline.slice(0, offlineListed),
  })
}

function warningsOf({ receivers }: CommandDeps, targets: Targets): Plan['warnings'] {
  const unseen = [...targets].filter(([id, status]) => status === undefined && !receivers.has(id)).map(([id]) => id)
  if (unseen.length === 0) return []
  const some = unseen.slice(0, offlineListed).join(', ')
  const issue = `never heard of: ${some}${unseen.length > offlineListed ? ', …' : ''}; the command waits for it`
  return [{ reason: 'device_never_seen', field: 'target', issue }]
}
