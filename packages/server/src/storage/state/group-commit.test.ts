import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Kysely, sql } from 'kysely'
import type { Tx } from '../../core/context.ts'
import type { Failure } from '../../core/failure.ts'
import { GroupCommit } from './group-commit.ts'
import { NodeSqliteDialect } from './node-sqlite-dialect.ts'
import { SqliteStatements } from './sqlite-statements.ts'
import type { StateTables } from './tables.ts'
import { temporaryFolder } from './testing/engines-under-test.ts'
import { within } from './transaction.ts'

test('whatever writes fail, and however they interleave, exactly the others are kept, in order', async (t) => {
  const step = fc.record({ fails: fc.boolean(), queries: fc.nat(3), ticksBefore: fc.nat(3) })
  const { group, kept, clear } = open(t)
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      clear()
      const writes: Promise<number>[] = []
      for (const [i, { fails, queries, ticksBefore }] of steps.entries()) {
        for (let tick = 0; tick < ticksBefore; tick++) await Promise.resolve()
        writes.push(group.write((tx) => insert(tx, i, queries, fails)))
      }
      const outcomes = await Promise.allSettled(writes)
      deepEqual(
        outcomes.map((outcome) => outcome.status === 'rejected'),
        steps.map((one) => one.fails),
      )
      deepEqual(
        kept(),
        steps.flatMap((one, i) => (one.fails ? [] : [i])),
      )
    }),
    { numRuns: 50 },
  )
})

test('writes of one tick share one commit', async (t) => {
  const { group, ran } = open(t)
  await Promise.all([0, 1, 2, 3].map((i) => group.write((tx) => insert(tx, i))))
  equal(ran.filter((command) => command === 'commit').length, 1)
})

test('a group ends after 5 ms even while writes keep coming', async (t) => {
  let now = 0
  const { group, ran } = open(t, { elapsed: () => now })
  await Promise.all(
    [0, 1, 2, 3, 4, 5].map((i) =>
      group.write(async (tx) => {
        await insert(tx, i)
        now += 1
      }),
    ),
  )
  equal(ran.filter((command) => command === 'commit').length, 2)
})

test('a commit that fails refuses all of its group and keeps nothing; the next group goes on', async (t) => {
  const { group, kept, failNext } = open(t)
  failNext('commit')
  const outcomes = await Promise.allSettled([
    group.write((tx) => insert(tx, 1)),
    group.write((tx) => insert(tx, 2, 0, true)),
  ])
  for (const outcome of outcomes) {
    equal(outcome.status === 'rejected' && outcome.reason.details.reason, 'state_commit_failed')
  }
  deepEqual(kept(), [])
  await group.write((tx) => insert(tx, 3))
  deepEqual(kept(), [3])
})

test('a group that can not even be rolled back is refused, keeps nothing, and the next one goes on', async (t) => {
  const { group, kept, failNext, ran } = open(t)
  failNext('commit', 'rollback')
  await rejects(
    group.write((tx) => insert(tx, 1)),
    ({ details, cause }: Failure) => {
      const { errors } = cause as AggregateError
      deepEqual(
        [details.reason, ...errors.map(({ message }) => message)],
        ['state_commit_failed', 'commit failed', 'rollback failed'],
      )
      return true
    },
  )
  await group.write((tx) => insert(tx, 2))
  deepEqual(kept(), [2])
  deepEqual(ran.slice(ran.indexOf('commit')), [
    'commit',
    'rollback',
    'rollback',
    'begin immediate',
    'savepoint one_write',
    'release one_write',
    'commit',
  ])

  failNext('commit', 'rollback')
  await rejects(group.write((tx) => insert(tx, 3)))
  failNext('rollback')
  await rejects(group.write((tx) => insert(tx, 4)))
  await group.write((tx) => insert(tx, 5))
  deepEqual(kept(), [2, 5])
})

test('a transaction that can not begin refuses those who wait, and later ones are served', async (t) => {
  const { group, kept, failNext } = open(t)
  failNext('begin immediate')
  await rejects(
    group.write((tx) => insert(tx, 1)),
    { code: 'SERVICE_UNAVAILABLE' },
  )
  await group.write((tx) => insert(tx, 2))
  deepEqual(kept(), [2])
})

test('when SQLite itself rolls back the transaction, the whole group is refused', async (t) => {
  const { group, kept } = open(t)
  const first = group.write((tx) => insert(tx, 1))
  const fatal = group.write(async (tx) => {
    await sql`rollback`.execute(within(tx))
    throw new Error('disk full')
  })
  const outcomes = await Promise.allSettled([first, fatal])
  deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['rejected', 'rejected'],
  )
  deepEqual(kept(), [])
})

test('a queue that is full refuses more, and serves what it took', async (t) => {
  const { group, kept } = open(t, { waitingMax: 2 })
  const writes = [0, 1, 2, 3, 4].map((i) => group.write((tx) => insert(tx, i)))
  const outcomes = await Promise.allSettled(writes)
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  ok(refused.length > 0)
  for (const { reason } of refused) equal(reason.details.reason, 'state_queue_full')
  equal(kept().length, 5 - refused.length)
})

async function insert(tx: Tx, id: number, moreQueries = 0, fails = false): Promise<number> {
  const db = within(tx)
  await sql`insert into kept (id) values (${id})`.execute(db)
  for (let i = 0; i < moreQueries; i++) await sql`select count(*) from kept`.execute(db)
  if (fails) throw new Error(`write ${id} fails`)
  return id
}

function open(t: TestContext, options: { elapsed?: () => number; waitingMax?: number } = {}) {
  const file = join(temporaryFolder(t), 'state.db')
  const database = new DatabaseSync(file)
  database.exec('pragma journal_mode = wal; create table kept (id integer)')
  const reads = new DatabaseSync(file, { readOnly: true })
  t.after(() => {
    reads.close()
    database.close()
  })

  const ran: string[] = []
  let failing: string[] = []
  const connection = {
    exec(command: string) {
      ran.push(command)
      if (failing.includes(command)) {
        failing = failing.filter((one) => one !== command)
        throw new Error(`${command} failed`)
      }
      database.exec(command)
    },
    get isTransaction() {
      return database.isTransaction
    },
  }
  const db = new Kysely<StateTables>({ dialect: new NodeSqliteDialect(new SqliteStatements(database)) })
  return {
    ran,
    group: new GroupCommit({ connection, db, elapsed: () => 0, ...options }),
    kept: () =>
      reads
        .prepare('select id from kept order by rowid')
        .all()
        .map((row) => Number(row.id)),
    clear: () => database.exec('delete from kept'),
    failNext: (...commands: string[]) => {
      failing = commands
    },
  }
}
