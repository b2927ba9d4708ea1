import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { createQueryKiller } from './query-killer.ts'

test('a killer is settled when the statement in hand has been answered, and at once when there is none', async () => {
  const statement = Promise.withResolvers<void>()
  const asked: string[] = []
  const killer = createQueryKiller((sql) => {
    asked.push(sql)
    return statement.promise
  })
  await killer.settled()

  killer.kill('query-1')
  killer.ended('query-1')
  let answered = false
  const settled = killer.settled().then(() => equal(answered, true))
  answered = true
  statement.resolve()
  await settled
  deepEqual(asked, ["KILL QUERY WHERE Settings['log_comment'] IN ('query-1') ASYNC"])
})
