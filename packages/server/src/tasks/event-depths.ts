import type { Tx } from '../core/context.ts'
import type { Events } from '../events/index.ts'

const chainMax = 100
const knownMax = 1000

/**
 * How many runs led to an event, one after another, also those that never were; of a chain that is too long to tell, more than
 * any number. Once read it is known, however many tasks the event triggers.
 */
export class EventDepths {
  readonly #events: Pick<Events, 'chain'>
  readonly #known = new Map<string, number>()

  constructor(events: Pick<Events, 'chain'>) {
    this.#events = events
  }

  /** Reads over the connection of the transaction: a wait for another one might never end. */
  async of(tx: Tx, eventId: string): Promise<number> {
    const known = this.#known.get(eventId)
    if (known !== undefined) return known
    const depth = await this.#read(tx, eventId)
    this.#known.set(eventId, depth)
    if (this.#known.size > knownMax) this.#known.delete(this.#known.keys().next().value!)
    return depth
  }

  async #read(tx: Tx, eventId: string): Promise<number> {
    const chain = await this.#events.chain(eventId, chainMax, tx)
    if (chain.length === chainMax) return Number.POSITIVE_INFINITY
    return new Set(chain.flatMap(({ data }) => ('run_id' in data ? [data.run_id] : []))).size
  }
}
