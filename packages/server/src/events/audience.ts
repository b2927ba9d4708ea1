import type { EventType } from '@nexus/contract'
import type { LoggedEvent } from './ports.ts'

/** Told of each event of its types, in their order, in the turn in which it becomes known. Must not throw. */
export interface Listener {
  readonly types: readonly EventType[]
  /** Frames of others are not told; undefined: those of all devices are. */
  readonly devices: readonly string[] | undefined
  heard(event: LoggedEvent): void
}

/** Listeners by a key. There are many keys, such as devices, with but one listener: that one takes no set. */
export class Audience {
  readonly #listeners = new Map<string, Listener | Set<Listener>>()

  add(key: string, listener: Listener): void {
    const there = this.#listeners.get(key)
    if (there instanceof Set) there.add(listener)
    else if (there === undefined) this.#listeners.set(key, listener)
    else if (there !== listener) this.#listeners.set(key, new Set([there, listener]))
  }

  remove(key: string, listener: Listener): void {
    const there = this.#listeners.get(key)
    if (there instanceof Set) there.delete(listener)
    if (there === listener || (there instanceof Set && there.size === 0)) this.#listeners.delete(key)
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0
  }

  has(key: string): boolean {
    return this.#listeners.has(key)
  }

  /** Who leaves while others are told is told no more. */
  tell(key: string, event: LoggedEvent): void {
    const there = this.#listeners.get(key)
    if (there instanceof Set) for (const listener of there) listener.heard(event)
    else there?.heard(event)
  }
}
