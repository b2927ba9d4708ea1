import type { NewWork, Priority, Report, WorkItem } from '../index.ts'

/** The engine as a list that is searched from end to end: what `work/` does, said in the plainest way. */
export class Reference {
  items: Expected[] = []
  /** Who may go, by ordering key. */
  readonly #heads = new Map<string, Expected>()
  now: number

  constructor(now: number) {
    this.now = now
  }

  enqueue(works: readonly NewWork[]): void {
    const waiting = this.items.filter(({ state }) => state === 'pending')
    const next = new Map<string, number>()
    for (const work of works) {
      const inQueue = waiting.filter((item) => item.queue === work.queue)
      const own = inQueue.filter(({ fairKey }) => fairKey === work.fairKey)
      const ready = inQueue.filter((item) => this.isReady(item))
      const lowest = ready.length === 0 ? 0 : Math.min(...ready.map(({ turn }) => turn))
      const key = `${work.queue} ${work.fairKey}`
      const turn = next.get(key) ?? Math.max(lowest, ...own.map(({ turn }) => turn + 1))
      next.set(key, turn + 1)
      const item = { ...expectedOf(work, this.now), turn, order: this.items.length }
      this.items.push(item)
      this.#line(item)
    }
  }

  claim(queue: string, max: number): string[] {
    const ids: string[] = []
    for (let item = this.#next(queue); item && ids.length < max; item = this.#next(queue)) {
      item.state = 'running'
      item.attempt++
      item.given++
      item.readyAt = undefined
      item.leaseExpiresAt = this.now + item.leaseMs
      item.deadline = item.attemptMs === null ? null : this.now + item.attemptMs
      ids.push(item.id)
    }
    return ids
  }

  /** Of the first of each priority the one whose level is the highest by now. */
  #next(queue: string): Expected | undefined {
    const level = ({ priority, createdAt }: Expected) =>
      Math.min(3, levels.indexOf(priority) + Math.floor((this.now - createdAt) / 60_000))
    const isInTime = ({ startBy }: Expected) => startBy === null || startBy > this.now
    const ready = this.items.filter((item) => item.queue === queue && this.isReady(item) && isInTime(item))
    const inTurn = (a: Expected, b: Expected) => a.turn - b.turn || a.order - b.order
    const firsts = levels.flatMap(
      (priority) => ready.filter((item) => item.priority === priority).sort(inTurn)[0] ?? [],
    )
    return firsts.sort((a, b) => level(b) - level(a) || inTurn(a, b))[0]
  }

  /** How often an item was given; the last is what counts. */
  given(id: string): number {
    return this.items.find((one) => one.id === id)!.given
  }

  /** False: the lease is lost. `given`: which one it is that the worker holds. */
  report(id: string, given: number, kind: Report['kind'], retryable = true): boolean {
    const item = this.items.find((one) => one.id === id)!
    if (item.state !== 'running' || item.given !== given || item.leaseExpiresAt! <= this.now) return false
    if (kind === 'alive') item.leaseExpiresAt = this.now + item.leaseMs
    else if (kind === 'failed') this.#fail(item, 'error', 'boom', retryable)
    else if (kind === 'lost') this.#lose(item)
    else if (kind === 'unheard') this.#return(item)
    else this.#end(item, kind, kind === 'completed' ? null : 'cancelled')
    return true
  }

  cancel(id: string): void {
    const item = this.items.find((one) => one.id === id)!
    if (item.state === 'pending') this.#end(item, 'cancelled', item.isLost ? 'unconfirmed' : 'cancelled')
    else if (item.state === 'running') item.cancelBy ??= this.now + 10_000
  }

  /** `startBy` undefined: as it was. */
  hold(id: string, held: boolean, startBy?: number | null): void {
    const item = this.items.find((one) => one.id === id)!
    if (item.state !== 'pending') return
    item.held = held
    this.#touch(item)
    if (held) this.#leave(item)
    else this.#line(item)
    if (startBy !== undefined) item.startBy = startBy
  }

  /** A start: nobody else served meanwhile. */
  recover(): void {
    for (const item of this.items)
      if (item.state === 'running') {
        item.leaseExpiresAt = this.now + item.leaseMs
        if (item.deadline !== null) item.deadline = Math.max(item.deadline, item.leaseExpiresAt)
      }
    this.sweep()
  }

  sweep(): void {
    for (const item of this.items) {
      if (item.state === 'pending') {
        if (item.startBy !== null && item.startBy <= this.now)
          this.#end(item, item.isLost ? 'failed' : 'timeout', item.isLost ? 'worker_lost' : 'not_started_in_time')
        else if (item.readyAt !== undefined && item.readyAt <= this.now) item.readyAt = undefined
      } else if (item.state === 'running') {
        if (item.cancelBy !== null && item.cancelBy <= this.now) this.#end(item, 'cancelled', 'unconfirmed')
        else if (item.deadline !== null && item.deadline <= this.now)
          this.#fail(item, 'timeout', 'attempt_timeout', true)
        else if (item.leaseExpiresAt! <= this.now) this.#lose(item)
      }
    }
  }

  isReady(item: Expected): boolean {
    const inOrder = item.orderingKey === null || this.#heads.get(lineOf(item)) === item
    return item.state === 'pending' && !item.held && item.readyAt === undefined && inOrder
  }

  #fail(item: Expected, fault: 'error' | 'timeout' | 'worker_lost', reason: string, retryable: boolean): void {
    const { retry, attempt } = item
    if (item.cancelBy !== null) this.#end(item, 'cancelled', fault === 'error' ? reason : 'unconfirmed')
    else if (!retryable || attempt === retry.attemptsMax || !retry.on.includes(fault))
      this.#end(item, fault === 'timeout' ? 'timeout' : 'failed', reason)
    if (isOver(item)) return
    item.state = 'pending'
    item.statusReason = reason
    item.isLost = fault === 'worker_lost'
    if (fault === 'worker_lost') return
    item.readyAt = this.now + Math.min(retry.initialDelayMs * retry.multiplier ** (attempt - 1), retry.maxDelayMs)
  }

  #lose(item: Expected): void {
    this.#fail(item, 'worker_lost', item.retry.attemptsMax === 1 ? 'outcome_unknown' : 'worker_lost', true)
  }

  #return(item: Expected): void {
    item.attempt--
    if (item.cancelBy !== null) this.#end(item, 'cancelled', item.isLost ? 'unconfirmed' : 'cancelled')
    else item.state = 'pending'
  }

  #end(item: Expected, state: Expected['state'], reason: string | null): void {
    item.state = state
    item.statusReason = reason
    this.#leave(item)
  }

  /** Whatever is written anew may go from when its time has come, also before it is swept. */
  #touch(item: Expected): void {
    if (item.readyAt !== undefined && item.readyAt <= this.now) item.readyAt = undefined
  }

  /** Comes to the line of its ordering key: its head, if nobody is there. */
  #line(item: Expected): void {
    if (item.orderingKey !== null && !item.held && !this.#heads.has(lineOf(item))) this.#heads.set(lineOf(item), item)
  }

  /** Leaves the line to the oldest of the others. */
  #leave(item: Expected): void {
    const line = lineOf(item)
    if (this.#heads.get(line) !== item) return
    this.#heads.delete(line)
    const next = this.items.find((one) => lineOf(one) === line && one.state === 'pending' && !one.held)
    if (!next) return
    this.#heads.set(line, next)
    this.#touch(next)
  }
}

const levels: readonly Priority[] = ['low', 'normal', 'high', 'urgent']

export interface Expected extends NewWork {
  state: WorkItem['state']
  attempt: number
  given: number
  turn: number
  createdAt: number
  order: number
  statusReason: string | null
  held: boolean
  /** Nobody knows what became of its last attempt. */
  isLost: boolean
  readyAt: number | undefined
  leaseExpiresAt: number | null
  deadline: number | null
  cancelBy: number | null
}

function lineOf({ queue, orderingKey }: Expected): string {
  return `${queue} ${orderingKey}`
}

function isOver({ state }: Expected): boolean {
  return state !== 'pending' && state !== 'running'
}

function expectedOf(work: NewWork, now: number): Expected {
  return {
    ...work,
    ...{ state: 'pending', attempt: 0, given: 0, turn: 0, createdAt: now, order: 0, statusReason: null },
    held: work.waitingFor !== null,
    isLost: false,
    readyAt: work.notBefore !== null && work.notBefore > now ? work.notBefore : undefined,
    ...{ leaseExpiresAt: null, deadline: null, cancelBy: null },
  }
}
