import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { until } from '../../testing/until.ts'
import { openState } from './index.ts'
import { PostgresSignals } from './postgres-signals.ts'
import { enginesUnderTest } from './testing/engines-under-test.ts'

const { skip, fresh } = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!

test('what a process tells the others hear, however much it is, and whatever else is said on the channel', {
  skip: skip ?? false,
}, async (t) => {
  const options = await fresh(t)
  const [one, other] = await Promise.all([openState(options), openState(options)])
  const heard = { one: [] as string[], other: [] as string[] }
  one.signals.listen('news', (texts) => heard.one.push(...texts))
  other.signals.listen('news', (texts) => heard.other.push(...texts))
  await until('both are connected', async () => {
    one.signals.tell('news', 'first')
    other.signals.tell('news', 'first')
    return heard.one.length > 0 && heard.other.length > 0
  })
  for (const payload of ['', 'no JSON', '[]', '{"topic":"news","texts":1}', '{"topic":"news","texts":[{}]}'])
    await sql`select pg_notify('nexus', ${payload})`.execute(one.reads)
  heard.other = []
  // Two of them fit into a notification, and one does not.
  const long = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(3000))
  one.signals.tell('other news', 'nobody listens')
  one.signals.tell('news', 'e'.repeat(10_000))
  for (const text of long) one.signals.tell('news', text)
  const heardLater = () => heard.other.filter((text) => text !== 'first')
  await until('all is heard', async () => heardLater().length >= long.length)
  deepEqual(heardLater(), long)
  deepEqual(
    heard.one.filter((text) => text !== 'first'),
    [],
  )
  await Promise.all([one.close(), other.close()])
})

test('signals go on after their connection broke', { skip: skip ?? false }, async (t) => {
  const options = await fresh(t)
  const [one, other] = await Promise.all([openState(options), openState(options)])
  let heard = 0
  other.signals.listen('news', () => {
    heard++
  })
  const isHeard = async () => {
    one.signals.tell('news', 'again')
    return heard > 0
  }
  await until('it is heard', isHeard)
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and (query like 'listen%' or query like '%pg_notify%')
      and pid <> pg_backend_pid()`.execute(one.reads)
  heard = 0
  await until('it is heard again', isHeard)
  await Promise.all([one.close(), other.close()])
})

test('signals of a database that can not be reached are lost, and keep nobody from closing', async () => {
  const signals = new PostgresSignals('postgres://nobody@127.0.0.1:1/none')
  signals.listen('news', () => {})
  for (let i = 0; i < 5000; i++) signals.tell('news', `${i}`)
  await signals.close()
})
