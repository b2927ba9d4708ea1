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

test('a database that can not be reached is SERVICE_UNAVAILABLE', async () => {
  await rejects(openState({ url: 'postgres://nobody@127.0.0.1:1/none' }), { code: 'SERVICE_UNAVAILABLE' })
})
