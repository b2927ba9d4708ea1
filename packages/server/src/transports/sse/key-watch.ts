import { Failure } from '../../core/failure.ts'
import { bearerOf, type Call } from '../http/call.ts'
import type { HttpDeps } from '../http/ports.ts'

/** Looks each second whether the keys of long-lived connections still hold. */
export interface KeyWatch {
  /** Tells `expired` once the key of a call is no longer valid. Returns what ends the watch. */
  watch(call: Call, expired: () => void): () => void
}

const restMs = 1000

interface Watched {
  call: Call
  expired: Set<() => void>
}

/** However many connections a key has, it is looked at once: a revoked one counts as one wrong key, not as many. */
export function createKeyWatch(deps: Pick<HttpDeps, 'authenticate' | 'authenticateCached'>): KeyWatch {
  const keys = new Map<string, Watched>()
  let timer: NodeJS.Timeout | undefined

  const look = () => {
    for (const [name, { call, expired }] of keys) {
      const token = bearerOf(call)!
      if (deps.authenticateCached(token, call.ip, call.socket)) continue
      deps.authenticate(token, call.ip).catch((cause) => {
        // That it cannot be looked up for now is no reason.
        if (!(cause instanceof Failure && cause.code === 'UNAUTHORIZED')) return
        keys.delete(name)
        for (const tell of expired) tell()
      })
    }
  }
  return {
    watch(call, expired) {
      const name = `${call.ip} ${bearerOf(call)}`
      const watched = keys.get(name) ?? { call, expired: new Set() }
      keys.set(name, watched)
      watched.expired.add(expired)
      timer ??= setInterval(look, restMs)
      return () => {
        watched.expired.delete(expired)
        if (watched.expired.size === 0 && keys.get(name) === watched) keys.delete(name)
        if (keys.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
}
