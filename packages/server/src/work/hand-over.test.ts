import { deepEqual, equal, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openState } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { testClock } from '../testing/telemetry-room.ts'
import { until } from '../testing/until.ts'
import { engineOver, newWork } from './testing/engine-room.ts'

const queues = [{ kind: 'task' as const, queue: 'q' }]
const wanted = (worker = 'w', max = 1) => ({ queues, worker, max })
const never = new AbortController().signal
const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id)

for (const { name, skip, fresh } of await enginesUnderTest()) {
  const guarantee = (title: string, body: (room: Awaited<ReturnType<typeof open>>) => Promise<void>) =>
    test(`${name}: ${title}`, { skip: skip ?? false }, async (t) => body(await open(t)))

  const open = async (t: TestContext) => {
    const state = await openState(await fresh(t))
    t.after(() => state.close())
    const clock = testClock()
    const room = engineOver(state, () => clock.now())
    const { store, work, writes, vainLooks } = room
    const done = () => writes.done + vainLooks.done
    const enqueue = (...works: ReturnType<typeof newWork>[]) => store.write((tx) => work.enqueue(tx, works))
    /** Leases that have looked in vain, one after the other. */
    const waiting = async (...wanting: [worker: string, signal?: AbortSignal, max?: number][]) => {
      const leases: ReturnType<typeof work.lease>[] = []
      for (const [worker, signal = never, max = 1] of wanting) {
        const before = done()
        leases.push(work.lease(wanted(worker, max), signal))
        await until('he has looked in vain', async () => done() > before)
      }
      return leases
    }
    const find = async (id: string) => (await store.find([id]))[0]!
    return { ...room, state, clock, enqueue, waiting, find }
  }

  guarantee('work for one who waits is enqueued and given to him by one commit', async (room) => {
    const [lease] = await room.waiting(['one'])
    const before = room.writes.done
    await room.enqueue(newWork('a'))
    const [item] = await lease!
    equal(room.writes.done - before, 1)
    deepEqual(
      room.told.map(({ before, after }) => [before?.state, after.state]),
      [
        [undefined, 'pending'],
        ['pending', 'running'],
      ],
    )
    deepEqual(item, await room.find('a'))
    deepEqual([item!.state, item!.worker, item!.attempt], ['running', 'one', 1])
  })

  guarantee('each of those who wait gets as much as he takes, in their order, and the rest waits', async (room) => {
    const leases = await room.waiting(['one', never, 2], ['two'], ['three', never, 3])
    const urgent = newWork('u', { priority: 'urgent' })
    await room.enqueue(...['a', 'b', 'c'].map((id) => newWork(id)), urgent)
    deepEqual(await Promise.all(leases.map(async (lease) => ids(await lease))), [['u', 'a'], ['b'], ['c']])
    await room.enqueue(newWork('d'))
    equal((await room.find('d')).state, 'pending')
  })

  guarantee(
    'who waits is given the first of all that one transaction enqueues, in however many parts',
    async (room) => {
      const { store, work, find } = room
      const [lease] = await room.waiting(['one', never, 2])
      await store.write(async (tx) => {
        await work.enqueue(tx, [newWork('a')])
        await work.enqueue(tx, [newWork('u', { priority: 'urgent' }), newWork('b')])
      })
      deepEqual(ids(await lease!), ['u', 'a'])
      deepEqual([(await find('a')).version, (await find('b')).state], [1, 'pending'])
      deepEqual(ids(await work.lease(wanted(), never)), ['b'])
      const [many] = await room.waiting(['many', never, 3])
      await store.write(async (tx) => {
        await work.enqueue(tx, [newWork('c')])
        await work.enqueue(
          tx,
          Array.from({ length: 30 }, (_, i) => newWork(`more-${i}`)),
        )
        await work.enqueue(tx, [newWork('last', { priority: 'high' })])
      })
      deepEqual(ids(await many!), ['last', 'c', 'more-0'])
    },
  )

  guarantee('what an end, a hold that is lifted, or time makes ready is handed over in the same way', async (room) => {
    const { store, work, waiting, find, clock, enqueue } = room
    await enqueue(newWork('a', { orderingKey: 'o' }), newWork('b', { orderingKey: 'o' }))
    await enqueue(newWork('held', { waitingFor: { reason: 'approval' } }))
    await enqueue(newWork('late', { notBefore: clock.now() + 1000 }))
    const [a] = await work.lease(wanted(), never)
    const steps = [
      ['b', () => store.write((tx) => work.report(tx, [{ id: 'a', leaseToken: a!.leaseToken!, kind: 'completed' }]))],
      ['held', () => store.write((tx) => work.hold(tx, ['held'], null))],
      ['late', () => work.sweep()],
    ] as const
    clock.at += 1000
    for (const [id, step] of steps) {
      const [lease] = await waiting(['w'])
      await step()
      deepEqual(ids(await lease!), [id])
      equal((await find(id)).attempt, 1)
    }
  })

  guarantee('a transaction that rolls back gives nothing, and its waiter is served by the next', async (room) => {
    const { store, work, told, enqueue } = room
    const [lease] = await room.waiting(['one'])
    const undone = store.write(async (tx) => {
      await work.enqueue(tx, [newWork('a')])
      store.beforeCommit(tx, async () => {
        equal(told.at(-1)!.after.state, 'running', 'it had been claimed')
        throw new Error('changed my mind')
      })
    })
    await rejects(undone, { message: 'changed my mind' })
    deepEqual(await store.find(['a']), [])
    await enqueue(newWork('b'))
    deepEqual(ids(await lease!), ['b'])
  })

  guarantee(
    'what comes in transactions at once goes to those who wait, up to what they take, and none is lost',
    async (room) => {
      const { store, work, find } = room
      const [two, one] = await room.waiting(['two', never, 2], ['one'])
      const undone = store.write(async (tx) => {
        await work.enqueue(tx, [newWork('undone')])
        store.beforeCommit(tx, () => Promise.reject(new Error('changed my mind')))
      })
      const refused = rejects(undone, { message: 'changed my mind' })
      await Promise.all([refused, ...['a', 'b', 'c', 'd'].map((id) => room.enqueue(newWork(id)))])
      const taken = [...(await two!), ...(await one!)]
      for (const item of taken) deepEqual(item, await find(item.id))
      const left = await store.write((tx) => work.claim(tx, wanted('other', 10)))
      deepEqual(ids([...taken, ...left]).toSorted(), ['a', 'b', 'c', 'd'])
    },
  )

  guarantee('who leaves while several transactions claim for him gives all of it back', async (room) => {
    const { store, work } = room
    const leaving = new AbortController()
    const [lease] = await room.waiting(['leaves', leaving.signal, 5])
    await Promise.all([
      room.enqueue(newWork('a')),
      room.enqueue(newWork('b')),
      store.write(async (tx) => {
        await work.enqueue(tx, [newWork('c')])
        store.beforeCommit(tx, async () => leaving.abort())
      }),
      room.enqueue(newWork('d')),
    ])
    const had = ids(await lease!)
    const left = await store.write((tx) => work.claim(tx, wanted('other', 10)))
    deepEqual([...had, ...ids(left)].toSorted(), ['a', 'b', 'c', 'd'])
  })

  guarantee('who leaves while something is claimed for him gives it back, uncounted, to the next', async (room) => {
    const { store, work, find } = room
    const leaving = new AbortController()
    const [left, stays] = await room.waiting(['leaves', leaving.signal], ['stays'])
    await store.write(async (tx) => {
      await work.enqueue(tx, [newWork('a')])
      store.beforeCommit(tx, async () => leaving.abort())
    })
    deepEqual(await left, [])
    const [item] = await stays!
    deepEqual([item!.id, item!.worker, item!.attempt], ['a', 'stays', 1])
    deepEqual(item, await find('a'))
  })

  guarantee('who leaves while he looks gives back what he found, as it was before', async (room) => {
    const { store, work, find } = room
    await room.enqueue(newWork('a', { retry: { ...newWork('a').retry, attemptsMax: 1 } }))
    const before = await find('a')
    const leaving = new AbortController()
    const lease = work.lease(wanted(), leaving.signal)
    room.told.length = 0
    room.onChange.next = () => leaving.abort()
    deepEqual(await lease, [])
    const { version, ...after } = await find('a')
    deepEqual({ ...after, version: before.version }, before)
    equal(version, 2, 'it was taken and given back')
    deepEqual(ids(await store.write((tx) => work.claim(tx, wanted()))), ['a'])
  })

  guarantee('what was cancelled while it was given back is cancelled', async (room) => {
    const { store, work, find } = room
    await room.enqueue(newWork('a'))
    const leaving = new AbortController()
    const lease = work.lease(wanted(), leaving.signal)
    room.onChange.next = (tx) => {
      leaving.abort()
      store.beforeCommit(tx, async () => void (await work.cancel(tx, ['a'])))
    }
    deepEqual(await lease, [])
    const { state, attempt, statusReason } = await find('a')
    deepEqual([state, attempt, statusReason], ['cancelled', 0, 'cancelled'])
  })

  guarantee('a signal that is aborted before the look takes nothing, and a wake is not lost by it', async (room) => {
    await room.enqueue(newWork('a'))
    deepEqual(await room.work.lease(wanted(), AbortSignal.abort()), [])
    equal((await room.find('a')).version, 0)
  })

  guarantee('those who look while work comes miss none of it', async (room) => {
    const { work, enqueue } = room
    const leases = Array.from({ length: 20 }, (_, i) => work.lease(wanted(`w${i}`), never))
    const works = Array.from({ length: 20 }, (_, i) => newWork(`i${String(i).padStart(2, '0')}`))
    await Promise.all(works.map((one) => enqueue(one)))
    const taken = (await Promise.all(leases)).flat()
    deepEqual(ids(taken).toSorted(), ids(works))
    equal(
      taken.every(({ attempt }) => attempt === 1),
      true,
    )
  })
}
