import type { EventType } from '@nexus/contract'
import type { Insertable, Selectable } from 'kysely'
import { countWithin } from '../../core/count-within.ts'
import type { EventStore, LoggedEvent } from '../../events/index.ts'
import type { StateEngine } from './engine.ts'
import { preparedTable } from './prepared-table.ts'
import type { Sealer } from './sealer.ts'
import type { EventsTable } from './tables.ts'
import { afterEnd, within } from './transaction.ts'

const trimRows = 1000
/** What takes a few milliseconds to read, unseal and parse. */
const pageBytes = 256 * 1024
/** Fewer than the connections there are. */
const readsAtOnce = 4

/** What rooms keep sealed is sealed in their events too. */
export function createEventStore(engine: StateEngine, sealer: Sealer): EventStore {
  const { reads } = engine
  const events = preparedTable(engine, 'events', 'seq')
  const ofTypes = (types: readonly EventType[]) => reads.selectFrom('events').where('type', 'in', types).orderBy('seq')
  return {
    afterEnd,
    readsAtOnce: engine.kind === 'postgres' ? readsAtOnce : 1,

    reserve: (count) =>
      engine.write(async (tx) => {
        const { value } = await within(tx)
          .updateTable('sequences')
          .set((set) => ({ value: set('value', '+', count) }))
          .where('name', '=', 'events_next')
          .returning('value')
          .executeTakeFirstOrThrow()
        return value - count
      }),

    append: (tx, ...some) =>
      events.insert(
        tx,
        some.map((event) => toRow(event, sealer)),
      ),

    async read({ after, upTo, types, limit, traceId }) {
      const inRange = (last: number) => {
        const range = ofTypes(types).where('seq', '>', after).where('seq', '<=', last)
        return traceId === undefined ? range : range.where('trace_id', '=', traceId)
      }
      const sizes = await inRange(upTo)
        .select((select) => ['seq', select.fn<number>('octet_length', ['data_json']).as('bytes')])
        .limit(limit)
        .execute()
      const bytes = sizes.map((size) => size.bytes)
      const count = countWithin(bytes, pageBytes)
      const isWhole = count === sizes.length && count < limit
      const readUpTo = isWhole ? upTo : sizes[count - 1]!.seq
      // Without a limit: what others have committed in between is there too.
      const rows = sizes.length === 0 ? [] : await inRange(readUpTo).selectAll().execute()
      return { events: rows.map((row) => toEvent(row, sealer)), upTo: readUpTo }
    },

    async find(seq, tx) {
      const row = await (tx ? within(tx) : reads)
        .selectFrom('events')
        .selectAll()
        .where('seq', '=', seq)
        .executeTakeFirst()
      return row && toEvent(row, sealer)
    },

    async firstSince(at) {
      const row = await reads
        .selectFrom('events')
        .select((select) => select.fn.min<number | null>('seq').as('seq'))
        .where('at', '>=', at)
        .executeTakeFirst()
      return row?.seq ?? undefined
    },

    async trimmedUpTo() {
      const row = await reads
        .selectFrom('sequences')
        .select('value')
        .where('name', '=', 'events_trimmed')
        .executeTakeFirstOrThrow()
      return row.value
    },

    async trim(before, keep) {
      const oldestKept = await reads
        .selectFrom('events')
        .select('seq')
        .orderBy('seq', 'desc')
        .offset(keep)
        .limit(1)
        .executeTakeFirst()
      const last = await reads
        .selectFrom((from) =>
          from.selectFrom('events').select(['seq', 'at']).orderBy('seq').limit(trimRows).as('oldest'),
        )
        .select((select) => select.fn.max<number | null>('seq').as('seq'))
        .where((where) => where.or([where('at', '<', before), where('seq', '<=', oldestKept?.seq ?? 0)]))
        .executeTakeFirst()
      const seq = last?.seq
      if (seq === null || seq === undefined) return false
      const { numDeletedRows } = await engine.write(async (tx) => {
        await within(tx)
          .updateTable('sequences')
          .set({ value: seq })
          .where('name', '=', 'events_trimmed')
          .where('value', '<', seq)
          .execute()
        return within(tx).deleteFrom('events').where('seq', '<=', seq).executeTakeFirst()
      })
      return Number(numDeletedRows) >= trimRows
    },
  }
}

const sealed = /^(command|task|ai)\./

function toRow(event: LoggedEvent, sealer: Sealer): Insertable<EventsTable> {
  const { seq, type, at, subject, traceId, causeId } = event
  const json = JSON.stringify(event.data)
  const data_json = sealed.test(type) ? sealer.seal(placeOf(seq), json) : json
  return { seq, type, at, subject, data_json, trace_id: traceId, cause_id: causeId }
}

function toEvent(row: Selectable<EventsTable>, sealer: Sealer): LoggedEvent {
  const json = sealed.test(row.type) ? sealer.unseal(placeOf(row.seq), row.data_json) : row.data_json
  return {
    seq: row.seq,
    type: row.type as EventType,
    at: row.at,
    subject: row.subject,
    data: JSON.parse(json),
    traceId: row.trace_id,
    causeId: row.cause_id,
  }
}

function placeOf(seq: number) {
  return { table: 'events', column: 'data', row: String(seq) }
}
