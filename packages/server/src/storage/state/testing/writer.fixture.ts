import { sql } from 'kysely'
import { openState } from '../index.ts'
import { within } from '../transaction.ts'

// Writes one row after another to the file given, several at once, and tells of each when it was acknowledged.
const engine = await openState({ file: process.argv[2]! })
await engine.write((tx) => sql`create table kept (id integer)`.execute(within(tx)))
for (let id = 0; ; ) {
  const group = [id++, id++, id++]
  await Promise.all(group.map((one) => engine.write((tx) => sql`insert into kept values (${one})`.execute(within(tx)))))
  process.stdout.write(group.map((one) => `${one}\n`).join(''))
}
