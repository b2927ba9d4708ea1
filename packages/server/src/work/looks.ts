import type { Place } from './place.ts'
import type { Taken } from './ports.ts'
import { nameOf } from './waiters.ts'

/** One who is about to look for work. */
export interface Asking {
  place: Place
  signal: AbortSignal
}

/** Looks for all of them together. */
export type LookFor = (asking: readonly Asking[]) => Promise<ReadonlyMap<Place, readonly Taken[]>>

interface Look {
  asking: Asking[]
  found: ReturnType<LookFor>
}

/** Lets those who look for the same do it together: one look at a time, and who comes meanwhile shares in the next. */
export class Looks {
  readonly #gathering = new Map<string, Look>()
  readonly #running = new Map<string, Promise<void>>()

  async look(asking: Asking, lookFor: LookFor): Promise<readonly Taken[]> {
    const name = asking.place.wanted.queues.map(nameOf).join('\n')
    const look = this.#gathering.get(name) ?? this.#begin(name, lookFor)
    look.asking.push(asking)
    return (await look.found).get(asking.place) ?? []
  }

  #begin(name: string, lookFor: LookFor): Look {
    const asking: Asking[] = []
    const found = (this.#running.get(name) ?? Promise.resolve()).then(() => {
      this.#gathering.delete(name)
      return lookFor(asking)
    })
    const over = found.then(
      () => {},
      () => {},
    )
    this.#running.set(name, over)
    void over.then(() => {
      if (this.#running.get(name) === over) this.#running.delete(name)
    })
    const look = { asking, found }
    this.#gathering.set(name, look)
    return look
  }
}
