import {
  type ApprovalRule,
  type CommandCategory,
  type CommandDelivery,
  type CommandInput,
  type CommandPolicy,
  categoryPolicies,
  commandLimits,
  wellKnownCommands,
} from '@nexus/contract'
import { invalid } from '../core/failure.ts'
import type { RetryPolicy } from '../work/index.ts'
import type { DefinitionRecord } from './record.ts'

export interface Ruling {
  category: CommandCategory
  parameters: Record<string, unknown>
  timeoutSeconds: number
  delivery: Required<CommandDelivery>
  approval: ApprovalRule
}

/**
 * What holds for a command: what the request says, else its definition, else its category. `timeout_seconds` among the
 * parameters counts as the request's, as in the specification's example. Errors: INVALID_REQUEST (that one is no time).
 */
export function rulingFor(input: CommandInput, definition: DefinitionRecord | undefined): Ruling {
  const category = input.category ?? definition?.category ?? categoryOf(input.command)
  const policy: CommandPolicy = categoryPolicies[category]
  const { parameters: defaults, ...own } = definition?.defaults ?? {}
  const { ttl_seconds, max_attempts, timeout_seconds, order, approval } = { ...policy, ...own }
  const parameters = { ...defaults, ...input.parameters }
  return {
    category,
    parameters,
    timeoutSeconds: input.timeout_seconds ?? secondsAmong(parameters, 'parameters') ?? timeout_seconds,
    delivery: {
      mode: input.async === false ? 'immediate' : 'queue',
      ttl_seconds,
      max_attempts,
      order,
      ...input.delivery,
    },
    approval,
  }
}

export function categoryOf(name: string): CommandCategory {
  return Object.hasOwn(wellKnownCommands, name) ? wellKnownCommands[name as keyof typeof wellKnownCommands] : 'custom'
}

export function needsApproval(rule: ApprovalRule, targets: number): boolean {
  return rule === 'always' || (rule === 'many_targets' && targets > 1)
}

/** Of the executions with one key a device runs one at a time. Restarts of the machine and of services wait for each other. */
export function orderingKeyOf({ category, delivery }: Pick<Ruling, 'category' | 'delivery'>): string | null {
  if (delivery.order === 'none') return null
  return category === 'system' ? 'service' : category
}

/** An attempt is repeated where nobody knows what became of it; what a device says is final. */
export function retryOf({ delivery }: Pick<Ruling, 'delivery'>): RetryPolicy {
  return {
    attemptsMax: delivery.max_attempts,
    on: ['worker_lost'],
    initialDelayMs: 0,
    multiplier: 1,
    maxDelayMs: 0,
    jitter: 0,
  }
}

/** Errors: INVALID_REQUEST, for a `timeout_seconds` that is no time. */
export function secondsAmong(
  { timeout_seconds: seconds }: Record<string, unknown>,
  within: string,
): number | undefined {
  if (seconds === undefined) return undefined
  if (typeof seconds === 'number' && seconds >= 1 && seconds <= commandLimits.timeoutSecondsMax)
    return Math.ceil(seconds)
  throw invalid(`${within}.timeout_seconds`, `must be a number from 1 to ${commandLimits.timeoutSecondsMax}`)
}
