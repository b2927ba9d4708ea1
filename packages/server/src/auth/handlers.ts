import { type Handlers, prepared } from '../core/invoke.ts'
import { createKey, prepareKey } from './create.ts'
import type { KeyDeps } from './deps.ts'
import { getKey } from './get.ts'
import { listKeys } from './list.ts'
import type { TicketStore } from './ports.ts'
import { revokeKey } from './revoke.ts'
import { prepareRotation, rotateKey } from './rotate.ts'
import { createTicket } from './tickets.ts'
import { updateKey } from './update.ts'

export type AuthHandlers = Pick<
  Handlers,
  | 'auth.keys.create'
  | 'auth.keys.list'
  | 'auth.keys.get'
  | 'auth.keys.update'
  | 'auth.keys.revoke'
  | 'auth.keys.rotate'
  | 'auth.tickets.create'
>

export function authHandlers(deps: KeyDeps, tickets: TicketStore): AuthHandlers {
  return {
    'auth.keys.create': prepared({
      prepare: (ctx, input) => prepareKey(deps, ctx, input),
      run: (ctx, _input, minted) => createKey(deps, ctx, minted),
    }),
    'auth.keys.list': (ctx, input) => listKeys(deps, ctx, input),
    'auth.keys.get': (ctx, input) => getKey(deps, ctx, input),
    'auth.keys.update': (ctx, input) => updateKey(deps, ctx, input),
    'auth.keys.revoke': (ctx, input) => revokeKey(deps, ctx, input),
    'auth.keys.rotate': prepared({
      prepare: (ctx, input) => prepareRotation(deps, ctx, input),
      run: (ctx, input, renewal) => rotateKey(deps, ctx, input, renewal),
    }),
    'auth.tickets.create': (ctx) => createTicket(tickets, ctx),
  }
}
