import { deepEqual, equal, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import { openState } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { testClock } from '../testing/telemetry-room.ts'
import { until } from '../testing/until.ts'
import { hasEnded, type Report, type WorkItem } from './index.ts'
import { engineOver, newWork } from './testing/engine-room.ts'

const queues = [{ kind: 'task' as const, queue: 'q' }]
const wanted = (max = 1) => ({ queues, worker: 'w', max })
const never = new AbortController().signal
const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id)

for (const { name, skip, fresh } of await enginesUnderTest()) {
  const guarantee = (title: string, body: (room: Awaited<ReturnType<typeof open>>, t: TestContext) => Promise<void>) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, async (t) => body(await open(t), t))

  const open = async (t: TestContext) => {
    const options = await fresh(t)
    const state = await openState(options)
    t.after(() => state.close())
    const clock = testClock()
    const room = engineOver(state, () => clock.now())
    return { ...room, state, options, clock }
  }

  guarantee(
    'who waits for work gets it in the turn in which it commits, the first first',
    async ({ work, store, writes, vainLooks }) => {
      const waiting = ['one', 'two'].map(async (worker) => {
        const items = await work.lease({ ...wanted(), worker }, never)
        return `${worker} ${ids(items)}`
      })
      await until('both have looked in vain, by one look', async () => writes.done + vainLooks.done === 1)
      await store.write((tx) => work.enqueue(tx, [newWork('a')]))
      equal(await waiting[0], 'one a')
      await store.write((tx) => work.enqueue(tx, [newWork('b')]))
      equal(await waiting[1], 'two b')
    },
  )

  guarantee(
    'a wait ends when its caller leaves, and its wake goes to the next',
    async ({ work, store, writes, vainLooks }) => {
      const leaving = new AbortController()
      const left = work.lease(wanted(), leaving.signal)
      const stays = work.lease(wanted(), never)
      await until('both have looked in vain, by one look', async () => writes.done + vainLooks.done === 1)
      leaving.abort()
      await store.write((tx) => work.enqueue(tx, [newWork('a')]))
      deepEqual([ids(await left), ids(await stays)], [[], ['a']])
    },
  )

  guarantee('a flood of one key does not hold up the others', async ({ work, store }) => {
    const many = Array.from({ length: 600 }, (_, i) => newWork(`a${i}`))
    await store.write((tx) => work.enqueue(tx, many))
    await store.write((tx) => work.claim(tx, wanted(100)))
    await store.write((tx) => work.enqueue(tx, [newWork('b0', { fairKey: 'b' }), newWork('b1', { fairKey: 'b' })]))
    deepEqual(ids(await store.write((tx) => work.claim(tx, wanted(4)))), ['a100', 'b0', 'a101', 'b1'])
  })

  guarantee('what is released while the one before it ends goes ahead', async ({ work, store, state }) => {
    const ordered = { orderingKey: 'k' }
    const items = [newWork('a', ordered), newWork('b', { ...ordered, waitingFor: { reason: 'held' } })]
    await store.write((tx) => work.enqueue(tx, items))
    const [a] = await store.write((tx) => work.claim(tx, wanted()))
    const isWaiting = async () => {
      if (state.kind === 'sqlite') return true
      const { rows } = await sql`select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(state.reads)
      return rows.length > 0
    }
    const held = Promise.withResolvers<void>()
    const release = store.write(async (tx) => {
      await work.hold(tx, ['b'], null)
      held.resolve()
      await until('the other waits for the item', isWaiting)
    })
    await held.promise
    const end = store.write((tx) => work.report(tx, [{ kind: 'completed', id: 'a', leaseToken: a!.leaseToken! }]))
    await Promise.all([release, end])
    deepEqual(ids(await store.write((tx) => work.claim(tx, wanted()))), ['b'])
  })

  guarantee('what is withdrawn ends unless somebody works on it', async ({ work, store }) => {
    await store.write((tx) => work.enqueue(tx, [newWork('a'), newWork('b')]))
    await store.write((tx) => work.claim(tx, wanted()))
    const items = await store.write((tx) => work.cancel(tx, ['a', 'b'], 'pending'))
    deepEqual(items.map(({ state, cancelRequestedAt }) => [state, cancelRequestedAt]).toSorted(), [
      ['cancelled', null],
      ['running', null],
    ])
  })

  guarantee('work of low priority comes to the top in time', async ({ work, store, clock }) => {
    await store.write((tx) => work.enqueue(tx, [newWork('old', { priority: 'low' })]))
    clock.at += 3 * 60_000
    await store.write((tx) => work.enqueue(tx, [newWork('urgent', { priority: 'urgent', fairKey: 'b' })]))
    deepEqual(ids(await store.write((tx) => work.claim(tx, wanted(2)))), ['old', 'urgent'])
  })

  guarantee('reports of one item in one call follow one another, and are one change', async ({ work, store, told }) => {
    await store.write((tx) => work.enqueue(tx, [newWork('a'), newWork('b')]))
    const [a, b] = await store.write((tx) => work.claim(tx, wanted(2)))
    told.length = 0
    const of = ({ id, leaseToken }: WorkItem) => ({ id, leaseToken: leaseToken! })
    const reports: Report[] = [
      { kind: 'alive', ...of(a!) },
      { kind: 'completed', ...of(a!) },
      { kind: 'failed', ...of(a!), error: { reason: 'boom', retryable: true } },
      { kind: 'alive', ...of(b!) },
    ]
    const answers = await store.write((tx) => work.report(tx, reports))
    deepEqual(
      answers.map((answer) => ('lost' in answer ? 'lost' : answer.state)),
      ['completed', 'completed', 'lost', 'running'],
    )
    deepEqual(
      told.map(({ before, after }) => [after.id, before!.state, after.state]),
      [
        ['a', 'running', 'completed'],
        ['b', 'running', 'running'],
      ],
    )
    const [first] = await store.find(['a'])
    deepEqual([first!.state, first!.version], ['completed', 2])
  })

  guarantee(
    'the sweeper wakes when something is due, and does what was due while nobody was there',
    async (room, t) => {
      const { work, store, state } = room
      await store.write((tx) => work.enqueue(tx, [newWork('late', { startBy: room.clock.now() - 1 })]))
      const again = engineOver(state, Date.now)
      again.work.start()
      t.after(() => again.work.stop())
      const stateOf = async (id: string) => (await store.find([id]))[0]!.state
      await until('what was due is done', async () => (await stateOf('late')) === 'timeout')
      await store.write((tx) => again.work.enqueue(tx, [newWork('soon', { startBy: Date.now() + 40 })]))
      await until('what becomes due is done', async () => (await stateOf('soon')) === 'timeout')
    },
  )

  guarantee('an item that can not be swept holds up no other, and is tried again', async ({ state, clock }) => {
    const faults: unknown[] = []
    const { work, store, onChange } = engineOver(
      state,
      () => clock.now(),
      [],
      (cause) => faults.push(cause),
    )
    const startBy = clock.now() - 1
    await store.write((tx) =>
      work.enqueue(
        tx,
        ['a', 'bad', 'c'].map((id) => newWork(id, { startBy })),
      ),
    )
    const broken = new Error('broken')
    onChange.each = (changes) => {
      if (changes.some(({ after }) => after.id === 'bad')) throw broken
    }
    const states = async () => (await store.find(['a', 'bad', 'c'])).map(({ id, state }) => `${id} ${state}`).sort()
    await work.sweep()
    deepEqual(await states(), ['a timeout', 'bad pending', 'c timeout'])
    deepEqual(faults, [broken])
    onChange.each = undefined
    await work.sweep()
    deepEqual(await states(), ['a timeout', 'bad timeout', 'c timeout'])
  })

  guarantee(
    'while nobody could hear of its worker no lease and no attempt runs out, but the time to begin does',
    async (room) => {
      const { work, store, clock, state } = room
      const works = [
        newWork('a'),
        newWork('slow', { attemptMs: 35_000 }),
        newWork('late', { startBy: clock.now() + 10_000 }),
      ]
      await store.write((tx) => work.enqueue(tx, works.slice(0, 2)))
      const [a, slow] = await store.write((tx) => work.claim(tx, wanted(2)))
      await store.write((tx) => work.enqueue(tx, works.slice(2)))
      clock.at += 40_000
      const again = engineOver(state, () => clock.now())
      await again.work.recover()
      const states = async () =>
        (await store.find(['a', 'late', 'slow'])).map(({ id, state }) => `${id} ${state}`).sort()
      deepEqual(await states(), ['a running', 'late timeout', 'slow running'])
      const reports = [a!, slow!].map(
        ({ id, leaseToken }): Report => ({ id, leaseToken: leaseToken!, kind: 'completed' }),
      )
      const answers = await store.write((tx) => again.work.report(tx, reports))
      deepEqual(
        answers.map((answer) => 'lost' in answer),
        [false, false],
      )
    },
  )

  guarantee('of two reports at once both count, also where a process has yet to hear of the item', async (room) => {
    const { work, store, state, clock } = room
    for (let round = 0; round < 20; round++) {
      const id = `i${round}`
      await store.write((tx) => work.enqueue(tx, [newWork(id)]))
      const [item] = await store.write((tx) => work.claim(tx, wanted()))
      const fresh = engineOver(state, () => clock.now())
      const said = (kind: 'alive' | 'completed') =>
        fresh.store.write((tx) => fresh.work.report(tx, [{ kind, id, leaseToken: item!.leaseToken! }]))
      const [, [ended]] = await Promise.all([said('alive'), said('completed')])
      ok(ended && 'state' in ended && ended.state === 'completed')
    }
  })

  guarantee('while another process serves, a start lengthens no lease', async ({ state, options, clock }, t) => {
    const another = name === 'SQLite' ? state : await openState(options)
    if (another !== state) t.after(() => another.close())
    const first = engineOver(state, () => clock.now())
    await first.work.recover()
    await first.store.write((tx) => first.work.enqueue(tx, [newWork('a')]))
    const [item] = await first.store.write((tx) => first.work.claim(tx, wanted()))
    const second = engineOver(another, () => clock.now())
    await until('it is known to serve', async () => name === 'SQLite' || second.store.isServedElsewhere())
    clock.at += 20_000
    await second.work.recover()
    const [after] = await first.store.find(['a'])
    equal(after!.leaseExpiresAt === item!.leaseExpiresAt, name === 'PostgreSQL')
  })

  guarantee('an attempt that begins at the instant of a start lasts a full lease, too', async (room) => {
    const { work, store, clock, state } = room
    await store.write((tx) => work.enqueue(tx, [newWork('a', { attemptMs: 20_000 })]))
    await store.write((tx) => work.claim(tx, wanted()))
    await engineOver(state, () => clock.now()).work.recover()
    clock.at += 29_999
    await work.sweep()
    const [item] = await store.find(['a'])
    equal(item!.state, 'running')
  })

  guarantee('a lease that nobody keeps after a start runs out in its time', async ({ work, store, clock, state }) => {
    await store.write((tx) => work.enqueue(tx, [newWork('a')]))
    await store.write((tx) => work.claim(tx, wanted()))
    clock.at += 40_000
    const again = engineOver(state, () => clock.now())
    await again.work.recover()
    clock.at += 30_000
    await again.work.sweep()
    const [item] = await store.find(['a'])
    deepEqual([item!.state, item!.statusReason], ['pending', 'worker_lost'])
  })

  guarantee(
    'engines over one state never hold an item twice, and lose none',
    async ({ options, store, work, clock }, t) => {
      const states = await Promise.all(name === 'SQLite' ? [] : [openState(options), openState(options)])
      t.after(() => Promise.all(states.map((state) => state.close())))
      const engines = [{ work, store }, ...states.map((state) => engineOver(state, () => clock.now()))]
      const count = 300
      const works = Array.from({ length: count }, (_, i) =>
        newWork(`i${i}`, { orderingKey: i % 5 === 0 ? `o${i % 3}` : null, fairKey: `k${i % 4}` }),
      )
      for (let i = 0; i < count; i += 50) await store.write((tx) => work.enqueue(tx, works.slice(i, i + 50)))
      const held = new Set<string>()
      const heldKeys = new Set<string>()
      const done: string[] = []
      const run = async (engine: (typeof engines)[number]) => {
        const take = () => engine.store.write((tx) => engine.work.claim(tx, wanted(7)))
        while (done.length < count) {
          const items: WorkItem[] = await take()
          for (const { id, orderingKey } of items) {
            ok(!held.has(id), `${id} is held twice`)
            held.add(id)
            if (orderingKey === null) continue
            ok(!heldKeys.has(orderingKey), `two of ${orderingKey} run at once`)
            heldKeys.add(orderingKey)
          }
          await endOfTurn()
          for (const { orderingKey } of items) if (orderingKey !== null) heldKeys.delete(orderingKey)
          const reports = items.map(
            ({ id, leaseToken }): Report => ({ kind: 'completed', id, leaseToken: leaseToken! }),
          )
          const answers = await engine.store.write((tx) => engine.work.report(tx, reports))
          for (const answer of answers) {
            ok(!('lost' in answer))
            done.push(answer.id)
          }
        }
      }
      await Promise.all([...engines, ...engines].map(run))
      equal(new Set(done).size, count)
      const found = await store.find(ids(works))
      ok(found.every((item) => hasEnded(item) && item.attempt === 1))
    },
  )
}
