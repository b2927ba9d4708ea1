import { deepEqual, equal } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { ExecutionOrder } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { until } from '../testing/until.ts'
import type { Reported, WorkItem } from '../work/index.ts'
import { Receivers, type ReceiversDeps } from './receivers.ts'
import type { ExecutionRecord } from './record.ts'

const tx = {} as Tx
const itemOf = (id: string) =>
  ({ id, leaseToken: `lease-${id}`, state: 'running', cancelRequestedAt: null }) as WorkItem
const nothing = { held: [], again: [], taken: [] }
const orderOf = ({ id }: WorkItem) => ({ execution_id: id, lease_token: `lease-${id}` }) as ExecutionOrder

/** Receivers over an engine that gives what is in `ready`, one device `d` that takes one at a time. */
async function openReceiver(t: TestContext, more: Partial<ReceiversDeps> = {}) {
  const ready: WorkItem[] = []
  const said: string[] = []
  let wake = () => {}
  const receivers = new Receivers({
    work: {
      async lease() {
        while (ready.length === 0) await new Promise<void>((woken) => (wake = woken))
        return ready.splice(0, 1)
      },
      report: async (_tx, reports) => reports.map(({ id }) => itemOf(id)),
    },
    write: (fn) => fn(tx),
    ordersOf: async (items) => items.map(orderOf),
    resync: async () => nothing,
    onError: (cause) => void said.push(`error ${(cause as Error).message}`),
    ...more,
  })
  receivers.start()
  t.after(() => receivers.stop())
  receivers.open(
    'd',
    {
      execute: ({ execution_id }) => said.push(`execute ${execution_id}`) > 0,
      cancel: ({ execution_id }) => void said.push(`cancel ${execution_id}`),
      room: () => undefined,
      replaced: () => void said.push('replaced'),
    },
    { max: 1, have: [] },
  )
  return {
    said,
    receivers,
    async give(...ids: string[]) {
      ready.push(...ids.map(itemOf))
      wake()
      for (let turn = 0; turn < 5; turn++) await endOfTurn()
    },
    async pass(ms: number) {
      t.mock.timers.tick(ms)
      for (let turn = 0; turn < 5; turn++) await endOfTurn()
    },
  }
}

test('what ended or was cancelled on another node makes room, or is told, when leases are renewed', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let answer: (id: string) => Reported = itemOf
  const report: ReceiversDeps['work']['report'] = async (_tx, reports) => reports.map(({ id }) => answer(id))
  const ready: WorkItem[] = []
  const lease = async (): Promise<WorkItem[]> => {
    while (ready.length === 0) await endOfTurn()
    return ready.splice(0, 1)
  }
  const { said, pass } = await openReceiver(t, { work: { lease, report } })
  ready.push(itemOf('one'), itemOf('two'))
  await pass(10_000)
  deepEqual(said, ['execute one'])
  answer = (id) => ({ ...itemOf(id), cancelRequestedAt: 1 })
  await pass(10_000)
  deepEqual(said, ['execute one', 'cancel one'])
  answer = (id) => ({ id, lost: true })
  await pass(10_000)
  deepEqual(said, ['execute one', 'cancel one', 'execute two'])
})

test('what other nodes ended or cancelled is told at once where it is heard, and else found by a look, part by part', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const items = new Map<string, WorkItem>()
  let hear: (executionIds: readonly string[]) => void = () => {}
  const looked: number[] = []
  const others: ReceiversDeps['others'] = {
    onCancelled: (fn) => {
      hear = fn
    },
    async find(ids) {
      looked.push(ids.length)
      return ids.flatMap((id) => items.get(id) ?? [])
    },
  }
  const { said, give, pass, receivers } = await openReceiver(t, { others })
  items.set('one', { ...itemOf('one'), cancelRequestedAt: 1 })
  await give('one')
  deepEqual(said, ['execute one'])
  hear(['other', 'one'])
  await pass(0)
  hear(['one'])
  await pass(0)
  deepEqual(said, ['execute one', 'cancel one'])
  items.delete('one')
  items.set('two', itemOf('two'))
  await give('two')
  await pass(2000)
  deepEqual(said, ['execute one', 'cancel one', 'execute two'])
  items.set('two', { ...itemOf('two'), cancelRequestedAt: 1 })
  await pass(2000)
  deepEqual(said, ['execute one', 'cancel one', 'execute two', 'cancel two'])

  const many = Array.from({ length: 1200 }, (_, n) => itemOf(`many-${n}`))
  for (const item of many) items.set(item.id, item)
  const sink = { execute: () => true, cancel: () => {}, room: () => undefined, replaced: () => {} }
  const { receivers: full } = await openReceiver(t, {
    others,
    resync: async () => ({ held: many.splice(0), again: [], taken: [] }),
  })
  await endOfTurn()
  looked.length = 0
  await full.look()
  await full.look()
  deepEqual(looked, [500, 500, 200])

  // What a connection had that was replaced is known for as long as it lasts, and a device with nothing takes no room.
  full.open('d', sink, { max: 1, have: [] })
  equal(full.elsewhere('d').size, 1200)
  items.clear()
  await full.look()
  await full.look()
  equal(full.elsewhere('d').size, 0)
  await receivers.stop()
})

test('what was leased and could not be read goes back unheard, and is given as soon as it can be', async (t) => {
  let isDown = true
  const haves: (readonly string[])[] = []
  const ready = [itemOf('one')]
  const { said, give } = await openReceiver(t, {
    work: {
      async lease() {
        while (ready.length === 0) await endOfTurn()
        return ready.splice(0, 1)
      },
      async report(_tx, reports) {
        for (const { kind, id } of reports) said.push(`${kind} ${id}`)
        ready.push(itemOf('one'))
        return reports.map(({ id }) => itemOf(id))
      },
    },
    async ordersOf(items) {
      if (isDown && items.length > 0) throw new Error('away')
      return items.map(orderOf)
    },
    async resync({ have }) {
      haves.push(have)
      return nothing
    },
  })
  await give()
  deepEqual(said, ['error away'])
  isDown = false
  await until('it is given', async () => said.length > 2)
  deepEqual(said, ['error away', 'unheard one', 'execute one'])
  equal(haves.at(-1)!.length, 0)
})

test('what was leased for a connection that takes nothing any more is given back unheard, and nothing more is leased for it', async (t) => {
  const reported: string[] = []
  const ready = [itemOf('one'), itemOf('two')]
  const receivers = new Receivers({
    work: {
      lease: async () => ready.splice(0, 1),
      async report(_tx, reports) {
        reported.push(...reports.map(({ kind, id }) => `${kind} ${id}`))
        return reports.map(({ id }) => itemOf(id))
      },
    },
    write: (fn) => fn(tx),
    ordersOf: async (items) => items.map(orderOf),
    resync: async () => nothing,
    onError: (cause) => t.diagnostic(String(cause)),
  })
  t.after(() => receivers.stop())
  const sink = { execute: () => false, cancel: () => {}, room: () => undefined, replaced: () => {} }
  receivers.open('d', sink, { max: 1, have: [] })
  await until('it is given back', async () => reported.length > 0)
  deepEqual([reported, ready.length, receivers.has('d')], [['unheard one'], 1, false])
})

test('who is asked to cancel before the order is sent is given nothing, and after that is told behind the order', async (t) => {
  const asked = { ...itemOf('known'), cancelRequestedAt: 1 }
  const reported: string[] = []
  const reading = Promise.withResolvers<void>()
  let taken = [itemOf('one')]
  const { said, receivers } = await openReceiver(t, {
    resync: async () => ({ ...nothing, again: [asked] }),
    work: {
      async lease(_wanted, signal) {
        if (taken.length > 0) return taken.splice(0, 1)
        await new Promise((left) => signal.addEventListener('abort', left, { once: true }))
        return []
      },
      async report(_tx, reports) {
        reported.push(...reports.map(({ kind, id }) => `${kind} ${id}`))
        return reports.map(({ id }) => itemOf(id))
      },
    },
    async ordersOf(items) {
      if (items[0]?.id === 'one') await reading.promise
      return items.map(orderOf)
    },
  })
  await endOfTurn()
  deepEqual(said, ['execute known', 'cancel known'])
  receivers.changed({ deviceId: 'd', executionId: 'known' } as ExecutionRecord, { ...asked, state: 'cancelled' })
  await endOfTurn()
  receivers.changed({ deviceId: 'd', executionId: 'one' } as ExecutionRecord, {
    ...itemOf('one'),
    cancelRequestedAt: 1,
  })
  reading.resolve()
  await until('it is given back', async () => reported.length > 0)
  taken = []
  deepEqual([said, reported], [['execute known', 'cancel known'], ['unheard one']])
})

test('what was leased for a connection that is replaced before it is sent is given back unheard', async (t) => {
  const reported: string[] = []
  const reading = Promise.withResolvers<void>()
  const ready = [itemOf('one')]
  const { said, receivers } = await openReceiver(t, {
    work: {
      async lease(_wanted, signal) {
        if (ready.length > 0) return ready.splice(0, 1)
        await new Promise((left) => signal.addEventListener('abort', left, { once: true }))
        return []
      },
      report: async (_tx, reports) => {
        reported.push(...reports.map(({ kind, id, leaseToken }) => `${kind} ${id} ${leaseToken}`))
        return reports.map(({ id }) => itemOf(id))
      },
    },
    async ordersOf(items) {
      await reading.promise
      return items.map(orderOf)
    },
  })
  await endOfTurn()
  const sink = { execute: () => true, cancel: () => {}, room: () => undefined, replaced: () => {} }
  receivers.open('d', { ...sink, execute: () => said.push('execute elsewhere') > 0 }, { max: 1, have: [] })
  reading.resolve()
  await until('it is given back', async () => reported.length > 0)
  deepEqual([said, reported], [['replaced'], ['unheard one lease-one']])
})
