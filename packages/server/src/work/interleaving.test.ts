import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Tx } from '../core/context.ts'
import { createWorkStore, openState, type StateEngine } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { within } from '../storage/state/transaction.ts'
import { type Change, createWork, hasEnded, type Report, type Work, type WorkItem, type WorkStore } from './index.ts'
import { newWork } from './testing/engine-room.ts'

const queues = ['q0', 'q1'].map((queue) => ({ kind: 'task' as const, queue }))
const kinds = ['alive', 'completed', 'failed', 'cancelled', 'lost', 'unheard'] as const satisfies Report['kind'][]

const asked = fc.record({
  queue: fc.constantFrom('q0', 'q1'),
  priority: fc.constantFrom('low' as const, 'high' as const),
  fairKey: fc.constantFrom('a', 'b'),
  orderingKey: fc.option(fc.constantFrom('x', 'y'), { freq: 2 }),
  attempts: fc.integer({ min: 1, max: 3 }),
  isHeld: fc.nat(3).map((n) => n === 0),
})

const operation = fc.record({
  node: fc.nat(1),
  /** Its transaction fails at last. */
  breaks: fc.nat(9).map((n) => n === 0),
  does: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ op: fc.constant('enqueue' as const), works: fc.array(asked, { maxLength: 4 }) }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('lease' as const), max: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('leave' as const), which: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('claim' as const), max: fc.integer({ min: 1, max: 3 }) }) },
    {
      weight: 5,
      arbitrary: fc.record({ op: fc.constant('report' as const), lease: fc.nat(99), kind: fc.constantFrom(...kinds) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constantFrom('cancel' as const, 'hold' as const, 'release' as const),
        item: fc.nat(99),
      }),
    },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('pass' as const), ms: fc.constantFrom(1, 9000, 31_000) }) },
  ),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** What happens at once, round after round. */
const rounds = fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), {
  minLength: 3,
  maxLength: 15,
  size: 'max',
})

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: whatever happens at once at two nodes, each item goes one way, is held by one, and ends once`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const first = await openState(options)
    const second = name === 'SQLite' ? first : await openState(options)
    t.after(() => Promise.all([...new Set([first, second])].map((state) => state.close())))
    const numRuns = Number(process.env.NEXUS_TEST_MODEL_RUNS ?? (name === 'SQLite' ? 100 : 15))
    // What is done at once is not done the same again: nothing can be made smaller.
    await fc.assert(
      fc.asyncProperty(rounds, (all) => new Fleet([first, second]).play(all)),
      { numRuns, endOnFailure: true },
    )
  })
}

interface Node {
  work: Work
  store: WorkStore
}

interface Waiting {
  given: Promise<WorkItem[]>
  over: AbortController
}

/** Clients and workers at two nodes, and what they were told. */
class Fleet {
  #now = Date.parse('2026-05-01T12:00:00Z')
  readonly #state: StateEngine
  readonly #nodes: Node[]
  readonly #told: Change[] = []
  readonly #toldIn = new WeakMap<Tx, Change[]>()
  #made = 0
  readonly #ids: string[] = []
  readonly #leases: WorkItem[] = []
  readonly #waiting: Waiting[] = []

  constructor(states: StateEngine[]) {
    this.#state = states[0]!
    this.#nodes = states.map((state) => this.#nodeOver(state))
  }

  async play(all: readonly Operation[][]): Promise<void> {
    await this.#state.write((tx) => within(tx).deleteFrom('work').execute())
    for (const round of all) {
      await Promise.all(round.map((one) => this.#act(one)))
      this.#checkLines(await this.#items())
    }
    for (const { over } of this.#waiting) over.abort()
    for (const { given } of this.#waiting) await given
    await this.#drain()
    const items = await this.#items()
    deepEqual(items.map(({ id }) => id).toSorted(), this.#ids.toSorted(), 'what was enqueued is there')
    for (const item of items) this.#checkWay(item)
    const given = this.#leases.map(({ id, leaseToken }) => `${id} ${leaseToken}`)
    equal(new Set(given).size, given.length, 'each lease is given once')
  }

  #nodeOver(state: StateEngine): Node {
    const store = createWorkStore(state, () => this.#now)
    const onChange = async (tx: Tx, changes: readonly Change[]) => {
      this.#toldIn.set(tx, [...(this.#toldIn.get(tx) ?? []), ...changes])
      store.afterEnd(tx, (committed) => {
        if (committed) this.#told.push(...changes)
      })
    }
    const onError = (cause: unknown) => {
      throw cause
    }
    const work = createWork({ store, now: () => this.#now, random: () => 0.5, rooms: { task: { onChange } }, onError })
    return { work, store }
  }

  async #act({ node, breaks, does }: Operation): Promise<void> {
    const { work, store } = this.#nodes[node]!
    const broken = new Error('broken')
    /** Undefined: it broke, and nothing has happened. */
    const write = <T>(act: (tx: Tx) => Promise<T>): Promise<T | undefined> =>
      store
        .write(async (tx) => {
          const done = await act(tx)
          if (breaks) throw broken
          return done
        })
        .catch((cause) => {
          if (cause !== broken) throw cause
          return undefined
        })
    switch (does.op) {
      case 'enqueue': {
        const works = does.works.map(({ isHeld, attempts, ...one }) =>
          newWork(`w${this.#made++}`, {
            ...one,
            retry: { ...newWork('').retry, attemptsMax: attempts },
            waitingFor: isHeld ? { reason: 'held' } : null,
          }),
        )
        if (await write((tx) => work.enqueue(tx, works))) this.#ids.push(...works.map(({ id }) => id))
        break
      }
      case 'lease': {
        const over = new AbortController()
        const given = work.lease({ queues, worker: `w${node}`, max: does.max }, over.signal)
        this.#waiting.push({ over, given: given.then((items) => this.#hold(items)) })
        break
      }
      case 'leave':
        this.#waiting[does.which % Math.max(1, this.#waiting.length)]?.over.abort()
        break
      case 'claim':
        this.#hold((await write((tx) => work.claim(tx, { queues, worker: `w${node}`, max: does.max }))) ?? [])
        break
      case 'report': {
        const lease = this.#leases[does.lease % Math.max(1, this.#leases.length)]
        if (!lease) break
        const error = { reason: 'boom', retryable: true }
        const said = { id: lease.id, leaseToken: lease.leaseToken!, kind: does.kind, error } as Report
        await write(async (tx) => {
          const [answer] = await work.report(tx, [said])
          const held = this.#toldIn.get(tx)?.find(({ after }) => after.id === said.id)?.before?.leaseToken
          equal('lost' in answer!, held !== said.leaseToken, 'a report counts whose lease it is')
        })
        break
      }
      case 'cancel':
      case 'hold':
      case 'release': {
        const id = this.#ids[does.item % Math.max(1, this.#ids.length)]
        if (id === undefined) break
        const waitingFor = does.op === 'hold' ? { reason: 'held' } : null
        await write((tx) => (does.op === 'cancel' ? work.cancel(tx, [id]) : work.hold(tx, [id], waitingFor)))
        break
      }
      case 'pass':
        this.#now += does.ms
        await work.sweep()
        break
      default:
        does satisfies never
    }
  }

  #hold(items: WorkItem[]): WorkItem[] {
    this.#leases.push(...items)
    return items
  }

  #items(): Promise<WorkItem[]> {
    return this.#nodes[0]!.work.find(this.#ids)
  }

  /** Lets everything come to its end: nothing may be stuck. */
  async #drain(): Promise<void> {
    const [{ work, store }] = this.#nodes as [Node]
    await store.write((tx) => work.hold(tx, this.#ids, null))
    for (
      let turns = this.#ids.length + 5;
      turns > 0 && (await this.#items()).some((item) => !hasEnded(item));
      turns--
    ) {
      this.#now += 61_000
      await work.sweep()
      const items = await store.write((tx) => work.claim(tx, { queues, worker: 'last', max: 100 }))
      const reports = this.#hold(items).map(
        ({ id, leaseToken }): Report => ({ id, leaseToken: leaseToken!, kind: 'completed' }),
      )
      await store.write((tx) => work.report(tx, reports))
    }
    ok((await this.#items()).every(hasEnded), 'nothing is stuck')
  }

  /** Of one ordering key one runs at a time. */
  #checkLines(items: readonly WorkItem[]): void {
    const running = items.filter(({ state, orderingKey }) => state === 'running' && orderingKey !== null)
    const lines = running.map(({ queue, orderingKey }) => `${queue} ${orderingKey}`)
    equal(new Set(lines).size, lines.length, 'of one ordering key one runs at a time')
  }

  /** What was told of an item is one way from its beginning to its end. */
  #checkWay(item: WorkItem): void {
    const way = this.#told.filter(({ after }) => after.id === item.id).sort((a, b) => a.after.version - b.after.version)
    for (const [i, { before }] of way.entries()) {
      deepEqual(before && standingOf(before), i === 0 ? undefined : standingOf(way[i - 1]!.after))
      ok(!before || !hasEnded(before), 'an end is the last')
    }
    deepEqual(standingOf(way.at(-1)!.after), standingOf(item))
    ok(item.attempt <= item.retry.attemptsMax)
    const given = way.flatMap(({ before, after }) =>
      before?.state === 'pending' && after.state === 'running' ? [after.leaseToken] : [],
    )
    const held = this.#leases.filter(({ id }) => id === item.id).map(({ leaseToken }) => leaseToken)
    ok(
      held.every((token) => given.includes(token)),
      'whoever holds a lease was given it',
    )
  }
}

function standingOf({ state, attempt, leaseToken, statusReason }: WorkItem) {
  return { state, attempt, leaseToken, statusReason }
}
