import type { QueueName, WorkKind, WorkStore } from '../../work/index.ts'
import type { StateEngine } from './engine.ts'
import { afterEnd, beforeCommit } from './transaction.ts'
import { workOnPostgres } from './work-postgres.ts'
import { toItem } from './work-rows.ts'
import { workOnSqlite } from './work-sqlite.ts'

const readyTopic = 'work.ready'

export function createWorkStore(engine: StateEngine, now: () => number): WorkStore {
  return {
    write: (fn) => engine.write(fn),
    beforeCommit,
    afterEnd,
    ...(engine.kind === 'sqlite' ? workOnSqlite(engine, now) : workOnPostgres(engine, now)),

    lockLines: (tx, lines) =>
      engine.exclusiveEach(
        tx,
        lines.map(({ kind, queue, orderingKey }) => `${kind} ${queue} ${orderingKey}`),
      ),

    serve: () => engine.signals.serve(),
    isServedElsewhere: () => engine.signals.areOthersServing(),

    announce: ({ kind, queue }) => engine.signals.tell(readyTopic, `${kind} ${queue}`),

    onAnnounced: (fn) =>
      engine.signals.listen(readyTopic, (texts) =>
        fn(
          texts.map((text): QueueName => {
            // A queue may have blanks, a kind has none.
            const end = text.indexOf(' ')
            return { kind: text.slice(0, end) as WorkKind, queue: text.slice(end + 1) }
          }),
        ),
      ),

    async due(at, limit) {
      const rows = await engine.reads
        .selectFrom('work')
        .selectAll()
        .where('due_at', '<=', at)
        .orderBy('due_at')
        .limit(limit)
        .execute()
      return rows.map(toItem)
    },

    async nextDue() {
      const row = await engine.reads
        .selectFrom('work')
        .select((select) => select.fn.min<number | null>('due_at').as('at'))
        .where('due_at', 'is not', null)
        .executeTakeFirst()
      return row?.at ?? undefined
    },
  }
}
