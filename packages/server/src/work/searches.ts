import type { Changed } from './item.ts'
import type { Place } from './place.ts'
import { nameOf } from './waiters.ts'

/** One who is about to search for work; aborted: has left. */
export interface Seeker {
  place: Place
  signal: AbortSignal
}

/** What was found for each of them. */
export type Found = ReadonlyMap<Place, readonly Changed[]>

interface Search {
  seekers: Seeker[]
  found: Promise<Found>
}

/** Lets those who seek in the same queues search together: one search at a time, and who comes meanwhile shares in the next. */
export class Searches {
  readonly #gathering = new Map<string, Search>()
  readonly #running = new Map<string, Promise<void>>()

  async share(seeker: Seeker, searchFor: (seekers: readonly Seeker[]) => Promise<Found>): Promise<readonly Changed[]> {
    const name = seeker.place.wanted.queues.map(nameOf).join('\n')
    const search = this.#gathering.get(name) ?? this.#begin(name, searchFor)
    search.seekers.push(seeker)
    return (await search.found).get(seeker.place) ?? []
  }

  #begin(name: string, searchFor: (seekers: readonly Seeker[]) => Promise<Found>): Search {
    const seekers: Seeker[] = []
    const found = (this.#running.get(name) ?? Promise.resolve()).then(() => {
      this.#gathering.delete(name)
      return searchFor(seekers)
    })
    const over = found.then(
      () => {},
      () => {},
    )
    this.#running.set(name, over)
    void over.then(() => {
      if (this.#running.get(name) === over) this.#running.delete(name)
    })
    const search = { seekers, found }
    this.#gathering.set(name, search)
    return search
  }
}
