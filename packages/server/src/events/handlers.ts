import type { Handlers } from '../core/invoke.ts'
import { type ListDeps, listEvents } from './list.ts'
import { getTrace } from './trace.ts'

export type EventHandlers = Pick<Handlers, 'events.list' | 'traces.get'>

export function eventHandlers(deps: ListDeps): EventHandlers {
  return {
    'events.list': (ctx, input) => listEvents(deps, ctx, input),
    'traces.get': (ctx, input) => getTrace(deps, ctx, input),
  }
}
