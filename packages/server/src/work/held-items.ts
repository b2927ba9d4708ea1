import type { WorkItem } from './item.ts'

const heldMax = 10_000

/**
 * Items as they were when their leases were last heard of, so that a report need not read what this process has written
 * itself. An item and its version say all of it, for only what is committed comes here; whoever writes by that version sees
 * whether somebody else was faster.
 */
export class HeldItems {
  readonly #items = new Map<string, WorkItem>()

  /** Undefined: not known to be under this lease; another node may have renewed one that looks over here. */
  find(id: string, leaseToken: string, now: number): WorkItem | undefined {
    const item = this.#items.get(id)
    return item?.leaseToken === leaseToken && item.leaseExpiresAt! > now ? item : undefined
  }

  /** As committed. */
  keep(items: readonly WorkItem[]): void {
    for (const item of items) {
      this.#items.delete(item.id)
      if (item.state === 'running') this.#items.set(item.id, item)
    }
    for (const id of this.#items.keys()) {
      if (this.#items.size <= heldMax) return
      this.#items.delete(id)
    }
  }

  forget(ids: Iterable<string>): void {
    for (const id of ids) this.#items.delete(id)
  }
}
