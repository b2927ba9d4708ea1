import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import type { ListDeps } from './list.ts'
import { shown } from './shown.ts'
import { readTopics } from './topics.ts'

const eventsMax = 1000

/**
 * The causal chain of a trace, at most its first thousand events, or those of some 4 MiB; those that the key may not see are
 * left out.
 */
export async function getTrace(
  { history }: ListDeps,
  ctx: Ctx,
  { trace_id }: Input<'traces.get'>,
): Promise<Output<'traces.get'>> {
  const types = readTopics(undefined, ctx.principal, 'types')
  if (types.length === 0) return { trace_id, events: [], truncated: false }
  const { events, isWhole } = await history.ofTrace(trace_id, types, eventsMax)
  return { trace_id, events: events.map(shown), truncated: !isWhole }
}
