import type { Tx } from '../../core/context.ts'
import { isReady, priorities, type QueueName, type WorkItem } from '../../work/index.ts'
import { whenDone } from './transaction.ts'
import type { HeadRow } from './work-statements.ts'

interface Unwritten {
  items: Map<string, WorkItem>
  /** Queues of which nothing that is written is ready. */
  quiet: Set<string>
}

/** More than these at once are written at once: they are looked at one by one. */
const fewMax = 16

/**
 * New items of open transactions that are not written yet, for most of them are given to somebody before the commit: then
 * they are written once, as they are by then, and the lines that they stood in for that moment are none of the indexes'.
 * Whoever reads what they are part of has them written first.
 */
export class UnwrittenWork {
  readonly #write: (tx: Tx, items: readonly WorkItem[]) => Promise<void>
  readonly #byTx = new WeakMap<Tx, Unwritten>()

  constructor(write: (tx: Tx, items: readonly WorkItem[]) => Promise<void>) {
    this.#write = write
  }

  /** Nothing that is written is ready in the queue. */
  noteQuiet(tx: Tx, queue: QueueName): void {
    this.#of(tx).quiet.add(nameOf(queue))
  }

  async add(tx: Tx, items: readonly WorkItem[]): Promise<void> {
    const of = this.#of(tx)
    if (of.items.size + items.length > fewMax) {
      await this.settle(tx)
      return this.#write(tx, items)
    }
    for (const item of items) of.items.set(item.id, item)
  }

  get(tx: Tx | undefined, id: string): WorkItem | undefined {
    return tx && this.#byTx.get(tx)?.items.get(id)
  }

  /** False: it is written, and is to be changed there. */
  replace(tx: Tx, item: WorkItem): boolean {
    const of = this.#byTx.get(tx)
    const before = of?.items.get(item.id)
    if (before?.version !== item.version) {
      // It may become ready by that.
      of?.quiet.delete(nameOf(item))
      return false
    }
    of!.items.set(item.id, { ...item, turn: before.turn, version: item.version + 1 })
    return true
  }

  /** The ready ones of these queues in their order; undefined: others may be ready there too. */
  heads(tx: Tx, queues: readonly QueueName[], limit: number, now: number): HeadRow[] | undefined {
    const of = this.#byTx.get(tx)
    if (!of || of.items.size === 0 || !queues.every((queue) => of.quiet.has(nameOf(queue)))) return undefined
    const lines = queues.map(nameOf)
    const rows = [...of.items.values()].flatMap((item): HeadRow[] => {
      const { id, createdAt: created_at, turn, seq } = item
      const line = lines.indexOf(nameOf(item))
      if (line < 0 || !isReady(item, now)) return []
      return [{ id, priority: priorities.indexOf(item.priority), created_at, turn, seq, line }]
    })
    rows.sort((a, b) => a.turn - b.turn || a.seq - b.seq)
    return [...Map.groupBy(rows, ({ line, priority }) => `${line} ${priority}`).values()].flatMap((of) =>
      of.slice(0, limit),
    )
  }

  /** Writes what is not written. */
  async settle(tx: Tx): Promise<void> {
    const of = this.#byTx.get(tx)
    if (!of) return
    const items = [...of.items.values()]
    of.items.clear()
    of.quiet.clear()
    if (items.length > 0) await this.#write(tx, items)
  }

  #of(tx: Tx): Unwritten {
    const known = this.#byTx.get(tx)
    if (known) return known
    const begun: Unwritten = { items: new Map(), quiet: new Set() }
    this.#byTx.set(tx, begun)
    whenDone(tx, () => this.settle(tx))
    return begun
  }
}

function nameOf({ kind, queue }: QueueName): string {
  return `${kind} ${queue}`
}
