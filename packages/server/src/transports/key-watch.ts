import { holds, type Principal } from '../core/context.ts'
import { Failure } from '../core/failure.ts'
import type { Credential } from './credential.ts'

/** Looks each second whether what long-lived connections have shown still holds. */
export interface KeyWatch {
  /**
   * Tells `changed` once the credential is no longer valid, or permits less than it did, and again each second until the
   * watch is ended. Returns what ends it.
   */
  watch(credential: Credential, principal: Principal, changed: () => void): () => void
}

const restMs = 1000

interface Watched {
  credential: Credential
  connections: Set<{ principal: Principal; changed(): void }>
  isLookedAt: boolean
}

/** However many connections a key has, it is looked at once: a revoked one counts as one wrong key, not as many. */
export function createKeyWatch(): KeyWatch {
  const keys = new Map<string, Watched>()
  let timer: NodeJS.Timeout | undefined

  const compare = ({ connections }: Watched, now: Principal | undefined) => {
    for (const { principal, changed } of connections)
      if (!now || !principal.scopes.every((scope) => holds(now, scope))) changed()
  }
  const look = async (watched: Watched) => {
    if (watched.isLookedAt) return
    watched.isLookedAt = true
    try {
      compare(watched, await watched.credential.identify())
    } catch (cause) {
      // That it cannot be looked up for now is no reason.
      if (cause instanceof Failure && cause.code !== 'SERVICE_UNAVAILABLE') compare(watched, undefined)
    } finally {
      watched.isLookedAt = false
    }
  }
  return {
    watch(credential, principal, changed) {
      const { name } = credential
      const watched = keys.get(name) ?? { credential, connections: new Set(), isLookedAt: false }
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
