import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Tx } from '../core/context.ts'
import { openState, type StateEngine } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { within } from '../storage/state/transaction.ts'
import { type Change, hasEnded, type NewWork, type Priority, type Report, type WorkItem } from './index.ts'
import { engineOver, newWork } from './testing/engine-room.ts'
import { Reference } from './testing/reference.ts'

const kinds = ['alive', 'completed', 'failed', 'cancelled', 'lost', 'unheard'] as const satisfies Report['kind'][]

const start = Date.parse('2026-05-01T12:00:00Z')

/** What is done at one of two nodes; `breaks`: its transaction fails at last. */
interface AtNode {
  node: number
  breaks: boolean
}

type Op =
  | ({ op: 'enqueue'; works: Asked[] } & AtNode)
  | ({ op: 'claim'; queue: number; max: number } & AtNode)
  | ({ op: 'report'; lease: number; kind: Report['kind']; retryable: boolean } & AtNode)
  | ({ op: 'cancel' | 'withdraw' | 'hold' | 'release'; item: number; startMs: number | null | undefined } & AtNode)
  | { op: 'pass'; ms: number; node: number; sweeps: boolean }
  | { op: 'restart'; node: number }

interface Asked {
  queue: number
  priority: Priority
  fairKey: string
  orderingKey: string | null
  attemptsMax: number
  attemptMs: number | null
  startMs: number | null
  delayMs: number | null
  held: boolean
}

const asked: fc.Arbitrary<Asked> = fc.record({
  queue: fc.nat(1),
  priority: fc.constantFrom('low', 'normal', 'high', 'urgent'),
  fairKey: fc.constantFrom('a', 'b'),
  orderingKey: fc.option(fc.constantFrom('x', 'y'), { freq: 1 }),
  attemptsMax: fc.integer({ min: 1, max: 3 }),
  attemptMs: fc.option(fc.constantFrom(20_000, 45_000)),
  startMs: fc.option(fc.constantFrom(15_000, 90_000)),
  delayMs: fc.option(fc.constantFrom(0, 5000, 70_000), { freq: 1 }),
  held: fc.boolean(),
})

const atNode = { node: fc.nat(1), breaks: fc.nat(9).map((n) => n === 0) }

const operation: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('enqueue' as const),
      works: fc.array(asked, { minLength: 1, maxLength: 4 }),
      ...atNode,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('claim' as const),
      queue: fc.nat(1),
      max: fc.integer({ min: 1, max: 3 }),
      ...atNode,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('report' as const),
      lease: fc.nat(30),
      kind: fc.constantFrom(...kinds),
      retryable: fc.boolean(),
      ...atNode,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constantFrom('cancel' as const, 'withdraw' as const, 'hold' as const, 'release' as const),
      item: fc.nat(30),
      startMs: fc.constantFrom(undefined, null, 15_000, 90_000),
      ...atNode,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 4999, 9000, 10_000, 31_000, 61_000),
      node: fc.nat(1),
      sweeps: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('restart' as const), node: fc.nat(1) }) },
)

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: whatever clients, workers, crashes and the clock do at two nodes, work stands as a plain model has it`, {
    skip: skip ?? false,
  }, async (t) => {
    const engine = await openState(await fresh(t))
    t.after(() => engine.close())
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 40, size: 'max' }), (ops) => play(engine, ops)),
      { numRuns: Number(process.env.NEXUS_TEST_MODEL_RUNS ?? (name === 'SQLite' ? 300 : 60)) },
    )
  })
}

/** Does the same to engines over one state and to the model, and compares after each step. */
async function play(state: StateEngine, ops: readonly Op[]): Promise<void> {
  const model = new Reference(start)
  const now = () => model.now
  await state.write((tx) => within(tx).deleteFrom('work').execute())
  const told: Change[] = []
  const make = () => engineOver(state, now, told).work
  const nodes = [make(), make()]
  const leases: { id: string; given: number; leaseToken: string }[] = []
  const hold = ({ id, leaseToken }: WorkItem) => leases.push({ id, given: model.given(id), leaseToken: leaseToken! })

  for (const op of ops) {
    const work = nodes[op.node]!
    const item = 'item' in op ? model.items[op.item % Math.max(1, model.items.length)] : undefined
    /** Does it, and compares; or it breaks, and nothing has happened. */
    const write = async <T>(act: (tx: Tx) => Promise<T>, compare: (done: T) => void) => {
      const before = told.length
      const broken = new Error('broken')
      const done = state.write(async (tx) => {
        const value = await act(tx)
        if ('breaks' in op && op.breaks) throw broken
        return value
      })
      if (!('breaks' in op && op.breaks)) return compare(await done)
      await rejects(done, broken)
      told.length = before
    }
    switch (op.op) {
      case 'enqueue': {
        const works = op.works.map((one, i) => workOf(one, `w${model.items.length + i}`, model.now))
        await write(
          (tx) => work.enqueue(tx, works),
          () => model.enqueue(works),
        )
        break
      }
      case 'claim': {
        const queue = `q${op.queue}`
        const wanted = { queues: [{ kind: 'task' as const, queue }], worker: 'w', max: op.max }
        await write(
          (tx) => work.claim(tx, wanted),
          (taken) => {
            deepEqual(
              taken.map(({ id }) => id),
              model.claim(queue, op.max),
            )
            for (const item of taken) hold(item)
          },
        )
        break
      }
      case 'report': {
        const lease = leases[op.lease % Math.max(1, leases.length)]
        if (!lease) break
        const { kind, retryable } = op
        const said = { id: lease.id, leaseToken: lease.leaseToken, kind, error: { reason: 'boom', retryable } }
        await write(
          (tx) => work.report(tx, [said as Report]),
          ([answer]) => {
            equal(!('lost' in answer!), model.report(lease.id, lease.given, kind, retryable))
          },
        )
        break
      }
      case 'cancel':
      case 'withdraw': {
        if (!item) break
        const which = op.op === 'cancel' ? 'all' : 'pending'
        await write(
          (tx) => work.cancel(tx, [item.id], which),
          () => {
            if (which === 'all' || item.state === 'pending') model.cancel(item.id)
          },
        )
        break
      }
      case 'hold':
      case 'release': {
        if (!item) break
        const startBy = typeof op.startMs === 'number' ? model.now + op.startMs : op.startMs
        await write(
          (tx) => work.hold(tx, [item.id], op.op === 'hold' ? { reason: 'held' } : null, startBy),
          () => model.hold(item.id, op.op === 'hold', startBy),
        )
        break
      }
      case 'pass':
        model.now += op.ms
        if (!op.sweeps) break
        model.sweep()
        await work.sweep()
        break
      case 'restart':
        nodes[op.node] = make()
        model.recover()
        await nodes[op.node]!.recover()
        break
      default:
        op satisfies never
    }
    const ids = model.items.map(({ id }) => id)
    const found = new Map((await nodes[0]!.find(ids)).map((one) => [one.id, one]))
    deepEqual(
      ids.map((id) => shown(found.get(id)!)),
      model.items.map(shown),
      op.op,
    )
  }
  const ends = told.filter(({ after }) => hasEnded(after)).map(({ after }) => after.id)
  deepEqual(
    ends.toSorted(),
    model.items
      .filter(hasEnded)
      .map(({ id }) => id)
      .toSorted(),
    'each end is told once',
  )
}

type Shown = Pick<
  WorkItem,
  'id' | 'state' | 'attempt' | 'statusReason' | 'turn' | 'startBy' | 'leaseExpiresAt' | 'deadline' | 'cancelBy'
>

/** As both have it: of one that runs, also until when. */
function shown({ id, state, attempt, statusReason, turn, startBy, leaseExpiresAt, deadline, cancelBy }: Shown) {
  const until = state === 'running' && { leaseExpiresAt, deadline, cancelBy }
  return { id, state, attempt, statusReason, turn, ...(state === 'pending' && { startBy }), ...until }
}

function workOf(asked: Asked, id: string, now: number): NewWork {
  const after = (ms: number | null) => (ms === null ? null : now + ms)
  const { queue, priority, fairKey, orderingKey, attemptsMax, attemptMs, startMs, delayMs, held } = asked
  const { retry } = newWork(id)
  return newWork(id, {
    ...{ queue: `q${queue}`, priority, fairKey, orderingKey, attemptMs },
    retry: { ...retry, attemptsMax },
    startBy: after(startMs),
    notBefore: after(delayMs),
    waitingFor: held ? { reason: 'held' } : null,
  })
}
