import { deepEqual, equal, ok } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import type { StateOptions } from '../storage/state/index.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { openCommandsRoom } from '../testing/commands-room.ts'

const targets = 10_000

/** A room that knows so many devices. */
async function roomOfMany(t: TestContext, options: StateOptions) {
  const ids = Array.from({ length: targets }, (_, i) => `d${i}`)
  const devices = { standing: async () => new Map(), select: async () => ids, poll: () => () => {} }
  const room = await openCommandsRoom(t, { ...options, devices })
  const submitToAll = () => room.submit({ command: 'restart_service', target: { all: true } })
  return { ...room, submitToAll }
}

/** How often others have a turn until it is done. */
async function turnsDuring(done: Promise<unknown>): Promise<number> {
  let turns = 0
  let isDone = false
  const look = () => {
    turns++
    if (!isDone) setImmediate(look)
  }
  setImmediate(look)
  await done.finally(() => {
    isDone = true
  })
  return turns
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: a command of ten thousand targets is submitted, finished and cancelled, and others have turns meanwhile`, {
    skip: skip ?? false,
  }, async (t) => {
    const room = await roomOfMany(t, await fresh(t))
    const submitting = room.submitToAll()
    ok((await turnsDuring(submitting)) > 2, 'while it is submitted')
    const { command_id, target_count } = await submitting
    equal(target_count, targets)
    const [order] = await room.lease('d7000')
    await room.finish(order!)
    const behind = await room.submit({ command: 'restart_service', target: { device_id: 'd8000' } })
    const cancelling = room.call('commands.cancel', { command_id })
    ok((await turnsDuring(cancelling)) > 2, 'while it is cancelled')
    const { status, summary } = await cancelling
    deepEqual([status, summary.completed, summary.cancelled], ['cancelled', 1, targets - 1])
    equal((await room.call('commands.get', { command_id })).status, 'cancelled')
    const [next] = await room.lease('d8000')
    equal(next!.command_id, behind.command_id)
  })
}

const postgres = (await enginesUnderTest()).find(({ name }) => name === 'PostgreSQL')!

test('on PostgreSQL, several commands of ten thousand targets at once take a bounded number of locks', {
  skip: postgres.skip ?? false,
}, async (t) => {
  const room = await roomOfMany(t, await postgres.fresh(t))
  const submitted = await Promise.all([room.submitToAll(), room.submitToAll(), room.submitToAll()])
  await room.state.write(async (tx) => {
    const [first] = submitted
    await room.work.cancel(tx, await ids(first!.command_id))
    const { rows } = await sql<{ locks: number }>`select count(*)::integer as locks from pg_locks
      where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`.execute(
      room.state.reads,
    )
    ok(rows[0]!.locks <= 1024, `${rows[0]!.locks} locks`)
  })
  async function ids(commandId: string): Promise<string[]> {
    const found = room.state.reads.selectFrom('executions').select('execution_id').where('command_id', '=', commandId)
    return (await found.execute()).map((row) => row.execution_id)
  }
})
