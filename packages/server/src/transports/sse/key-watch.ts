import type { Principal } from '../../core/context.ts'
import { Failure, fail } from '../../core/failure.ts'
import { bearerOf, type Call } from '../http/call.ts'
import type { HttpDeps } from '../http/ports.ts'

/** Looks each second whether the keys of long-lived connections still hold. */
export interface KeyWatch {
  /** Throws RATE_LIMIT_EXCEEDED when a key has as many connections as it may have. */
  requireRoom(call: Call): void
  /** Tells `changed` once the key of a call is no longer valid, or permits less. Returns what ends the watch. */
  watch(call: Call, principal: Principal, changed: () => void): () => void
}

const restMs = 1000
const connectionsMax = 100
const retryAfterSeconds = 5

interface Watched {
  call: Call
  connections: Set<{ principal: Principal; changed(): void }>
}

/** However many connections a key has, it is looked at once: a revoked one counts as one wrong key, not as many. */
export function createKeyWatch(deps: Pick<HttpDeps, 'authenticate' | 'authenticateCached'>): KeyWatch {
  const keys = new Map<string, Watched>()
  let timer: NodeJS.Timeout | undefined

  const compare = ({ connections }: Watched, now: Principal | undefined) => {
    for (const { principal, changed } of connections)
      if (!principal.scopes.every((scope) => now?.scopes.includes(scope))) changed()
  }
  const look = () => {
    for (const watched of keys.values()) {
      const { call } = watched
      const token = bearerOf(call)!
      const known = deps.authenticateCached(token, call.ip, call.socket)
      if (known) compare(watched, known)
      else
        deps.authenticate(token, call.ip).then(
          (found) => compare(watched, found),
          (cause) => {
            // That it cannot be looked up for now is no reason.
            if (cause instanceof Failure && cause.code !== 'SERVICE_UNAVAILABLE') compare(watched, undefined)
          },
        )
    }
  }
  return {
    requireRoom(call) {
      if ((keys.get(nameOf(call))?.connections.size ?? 0) < connectionsMax) return
      const issue = `the key has ${connectionsMax} streams from this address already`
      throw fail(
        'RATE_LIMIT_EXCEEDED',
        { reason: 'too_many_streams', limit: connectionsMax, issue },
        { retryAfterSeconds },
      )
    },
    watch(call, principal, changed) {
      const name = nameOf(call)
      const watched = keys.get(name) ?? { call, connections: new Set() }
      keys.set(name, watched)
      const connection = { principal, changed }
      watched.connections.add(connection)
      timer ??= setInterval(look, restMs)
      return () => {
        watched.connections.delete(connection)
        if (watched.connections.size === 0) keys.delete(name)
        if (keys.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}

function nameOf(call: Call): string {
  return `${call.ip} ${bearerOf(call)}`
}
