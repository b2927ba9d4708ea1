import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import type { ListDeps } from './list.ts'
import { shown } from './shown.ts'
import { readTopics } from './topics.ts'

const eventsMax = 1000

/** The causal chain of a trace, at most its first thousand events; those that the key may not see are left out. */
export async function getTrace(
  { history }: ListDeps,
  ctx: Ctx,
  { trace_id }: Input<'traces.get'>,
): Promise<Output<'traces.get'>> {
  const types = readTopics(undefined, ctx.principal, 'types')
  const events = types.length === 0 ? [] : await history.ofTrace(trace_id, types, eventsMax + 1)
  return { trace_id, events: events.slice(0, eventsMax).map(shown), truncated: events.length > eventsMax }
}
