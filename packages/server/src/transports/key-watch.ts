import type { Principal } from '../core/context.ts'
import { Failure } from '../core/failure.ts'
import type { Credential } from './credential.ts'

/** Looks each second whether what long-lived connections have shown still holds. */
export interface KeyWatch {
  /** Tells `changed` once a credential is no longer valid, or permits less than it did. Returns what ends the watch. */
  watch(credential: Credential, principal: Principal, changed: () => void): () => void
}

const restMs = 1000

interface Watched {
  credential: Credential
  connections: Set<{ principal: Principal; changed(): void }>
}

/** However many connections a key has, it is looked at once: a revoked one counts as one wrong key, not as many. */
export function createKeyWatch(): KeyWatch {
  const keys = new Map<string, Watched>()
  let timer: NodeJS.Timeout | undefined

  const compare = ({ connections }: Watched, now: Principal | undefined) => {
    for (const { principal, changed } of connections)
      if (!principal.scopes.every((scope) => now?.scopes.includes(scope))) changed()
  }
  const look = async (watched: Watched) => {
    try {
      compare(watched, await watched.credential.identify())
    } catch (cause) {
      // That it cannot be looked up for now is no reason.
      if (cause instanceof Failure && cause.code !== 'SERVICE_UNAVAILABLE') compare(watched, undefined)
    }
  }
  return {
    watch(credential, principal, changed) {
      const { name } = credential
      const watched = keys.get(name) ?? { credential, connections: new Set() }
      keys.set(name, watched)
      const connection = { principal, changed }
      watched.connections.add(connection)
      timer ??= setInterval(() => {
        for (const each of keys.values()) void look(each)
      }, restMs)
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
