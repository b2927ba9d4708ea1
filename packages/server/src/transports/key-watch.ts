import { holds, type Principal } from '../core/context.ts'
import { Failure } from '../core/failure.ts'
import type { Credential } from './credential.ts'
import { EverySecond } from './every-second.ts'

/** A connection that stays, and whom it was opened for. */
export interface KeyHolder {
  readonly principal: Principal
  /** Its credential is no longer valid, or permits less than it did; told again each second until it is removed. */
  keyChanged(): void
}

interface Watched {
  credential: Credential
  holders: Set<KeyHolder>
  isLookedAt: boolean
}

/**
 * Looks each second whether what long-lived connections have shown still holds. However many connections a key has, it is
 * looked at once: a revoked one counts as one wrong key, not as many.
 */
export class KeyWatch {
  readonly #keys = new Map<string, Watched>()
  readonly #rounds = new EverySecond<Watched>((watched) => void look(watched))

  /** Returns the credential that all who have shown the same share from now on. */
  add(holder: KeyHolder, credential: Credential): Credential {
    let watched = this.#keys.get(credential.name)
    if (!watched) {
      watched = { credential, holders: new Set(), isLookedAt: false }
      this.#keys.set(credential.name, watched)
      this.#rounds.add(watched)
    }
    watched.holders.add(holder)
    return watched.credential
  }

  remove(holder: KeyHolder, { name }: Credential): void {
    const watched = this.#keys.get(name)
    if (!watched?.holders.delete(holder) || watched.holders.size > 0) return
    this.#keys.delete(name)
    this.#rounds.remove(watched)
  }
}

async function look(watched: Watched): Promise<void> {
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

function compare({ holders }: Watched, now: Principal | undefined): void {
  for (const holder of holders)
    if (!now || !holder.principal.scopes.every((scope) => holds(now, scope))) holder.keyChanged()
}
