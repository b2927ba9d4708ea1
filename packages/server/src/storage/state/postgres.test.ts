import { equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openState } from './index.ts'
import { enginesUnderTest } from './testing/engines-under-test.ts'
import { within } from './transaction.ts'

const serializationFailure = sql`do $$ begin raise exception 'lost' using errcode = '40001'; end $$`
const { skip, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!

test('a transaction that lost to another runs again', { skip: skip ?? false }, async (t) => {
  const engine = await openState(await fresh(t))
  let runs = 0
  const value = await engine.write(async (tx) => {
    if (++runs < 3) await serializationFailure.execute(within(tx))
    return runs
  })
  equal(value, 3)
  await engine.close()
})

test('a transaction that keeps losing is given up with SERVICE_UNAVAILABLE', { skip: skip ?? false }, async (t) => {
  const engine = await openState(await fresh(t))
  let runs = 0
  const write = engine.write(async (tx) => {
    runs++
    await serializationFailure.execute(within(tx))
  })
  await rejects(write, { code: 'SERVICE_UNAVAILABLE', retryAfterSeconds: 1 })
  equal(runs, 5)
  await engine.close()
})

test('two transactions that wait for each other both succeed in the end', { skip: skip ?? false }, async (t) => {
  const engine = await openState(await fresh(t))
  const met = Promise.withResolvers<void>()
  let arrived = 0
  const cross = (first: string, second: string) =>
    engine.write(async (tx) => {
      await engine.exclusive(tx, first)
      if (++arrived === 2) met.resolve()
      await met.promise
      await engine.exclusive(tx, second)
    })
  await Promise.all([cross('a', 'b'), cross('b', 'a')])
  await engine.close()
})

test('two transactions that lock keys against the order of each other both succeed, and no deadlock has to be found', {
  skip: skip ?? false,
}, async (t) => {
  const engine = await openState(await fresh(t))
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
  const met = Promise.withResolvers<void>()
  let arrived = 0
  const cross = (first: readonly string[], then: readonly string[]) =>
    engine.write(async (tx) => {
      await engine.exclusiveEach(tx, first)
      if (++arrived === 2) met.resolve()
      await met.promise
      await engine.exclusiveEach(tx, then)
    })
  const [some, others] = [keys.slice(0, 20), keys.slice(20)]
  await Promise.all([cross(some, others), cross(others, some)])
  const { rows } = await sql<{ deadlocks: number }>`select deadlocks from pg_stat_database
    where datname = current_database()`.execute(engine.reads)
  equal(Number(rows[0]!.deadlocks), 0)
  await engine.close()
})

test('what is sent unawaited is done in its order, and its failure is that of the next statement, or of the commit', {
  skip: skip ?? false,
}, async (t) => {
  const engine = await openState(await fresh(t))
  const put = 'insert into sequences (name, value) values ($1, $2)'
  const storedAt = async (name: string) => {
    const [row] = await engine.run<{ value: number }>(undefined, 'select value from sequences where name = $1', [name])
    return row?.value
  }
  const duplicate = { code: '23505' }

  await engine.write(async (tx) => {
    for (let i = 0; i < 100; i++) await engine.send(tx, put, [`sent-${i}`, i])
    await engine.send(tx, 'update sequences set value = value + 1 where name = $1', ['sent-99'])
  })
  equal(await storedAt('sent-99'), 100)

  await rejects(
    engine.write(async (tx) => {
      await engine.send(tx, put, ['lost', 1])
      await engine.send(tx, put, ['sent-0', 1])
    }),
    duplicate,
  )
  let reached = false
  await rejects(
    engine.write(async (tx) => {
      await engine.send(tx, put, ['sent-0', 1])
      await engine.change(tx, put, ['lost', 1])
      reached = true
    }),
    duplicate,
  )
  equal(reached, false)
  const refused = engine.write(async (tx) => {
    await engine.send(tx, put, ['sent-0', 1])
    throw new Error('refused')
  })
  await rejects(refused, { message: 'refused' })
  equal(await storedAt('lost'), undefined)

  await engine.write((tx) => engine.send(tx, put, ['after', 1]))
  equal(await storedAt('after'), 1)
  await engine.close()
})

test('a transaction whose unawaited statement lost to another runs again', { skip: skip ?? false }, async (t) => {
  const engine = await openState(await fresh(t))
  let runs = 0
  await engine.write(async (tx) => {
    if (++runs < 3) await engine.send(tx, "do $$ begin raise exception 'lost' using errcode = '40001'; end $$", [])
  })
  equal(runs, 3)
  await engine.close()
})

test('a database that has no room for locks, connections or rows is SERVICE_UNAVAILABLE, to reads too', {
  skip: skip ?? false,
}, async (t) => {
  const engine = await openState(await fresh(t))
  const asked = { code: 'SERVICE_UNAVAILABLE', details: { reason: 'state_exhausted' }, retryAfterSeconds: 1 }
  for (const code of ['53200', '53300', '53100']) {
    const exhausted = sql.raw(`do $$ begin raise exception 'full' using errcode = '${code}'; end $$`)
    let runs = 0
    const write = engine.write(async (tx) => {
      runs++
      await exhausted.execute(within(tx))
    })
    await rejects(write, asked)
    equal(runs, 1)
    await rejects(exhausted.execute(engine.reads), asked)
  }
  await engine.close()
})

test('a database that can not be reached is SERVICE_UNAVAILABLE', async () => {
  await rejects(openState({ url: 'postgres://nobody@127.0.0.1:1/none' }), { code: 'SERVICE_UNAVAILABLE' })
})
