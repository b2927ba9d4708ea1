import { type Head, priorities, type Turns, type WorkStore } from '../../work/index.ts'
import type { WorkRow } from './work-rows.ts'

/** What is done with every item, so often that each engine has it in its own way. */
export type WorkStatements = Pick<
  WorkStore,
  | 'contended'
  | 'commitsTogether'
  | 'mayHaveReady'
  | 'readyAmong'
  | 'insert'
  | 'find'
  | 'replace'
  | 'renewAll'
  | 'heads'
  | 'lockReady'
  | 'turns'
  | 'firstBlocked'
  | 'haveLive'
>

/** What never changes of an item. */
const fixedColumns = [
  ...(['id', 'kind', 'queue', 'priority', 'fair_key', 'ordering_key', 'retry_json', 'lease_ms', 'attempt_ms'] as const),
  ...(['created_at', 'trace_id', 'cause_id', 'seq', 'turn'] as const),
] satisfies (keyof WorkRow)[]

/** What does, besides its version. */
export const changedColumns = [
  ...([
    'state',
    'ready',
    'attempt',
    'start_by',
    'not_before',
    'waiting_for_json',
    'blocked',
    'worker',
    'lease_token',
  ] as const),
  ...(['lease_expires_at', 'deadline', 'started_at', 'cancel_requested_at', 'cancel_by', 'ended_at'] as const),
  ...(['status_reason', 'due_at'] as const),
] satisfies (keyof WorkRow)[]

export const columns = [...fixedColumns, 'version', ...changedColumns] as const

export interface HeadRow {
  id: string
  priority: number
  created_at: number
  turn: number
  seq: number
  /** Which of the queues it is in. */
  line: number
}

/** See `dueAt`; `earliest` is the engine's function that does so. */
export function renewAllText(earliest: 'min' | 'least', now: string, locking = ''): string {
  const at = `${now} + lease_ms`
  return `update work set version = version + 1, lease_expires_at = ${at},
      deadline = case when deadline < ${at} then ${at} else deadline end,
      due_at = ${earliest}(${at}, coalesce(cancel_by, ${at}))
    where id in (
      select id from work where state = 'running' and due_at is not null ${locking}
    )`
}

/** Of what has not ended, what stands in a line. */
export const isInLine = 'ended_at is null and waiting_for_json is null'

export interface TurnsRow {
  lowest: number | null
  last: number | null
}

export function turnsOf({ lowest, last }: TurnsRow): Turns {
  return { lowest: lowest ?? undefined, last: last ?? undefined }
}

/** By queue and priority, in the order of the rows. */
export function linesOf(rows: readonly HeadRow[]): Head[][] {
  const lines = new Map<number, Head[]>()
  for (const { id, priority, created_at, turn, seq, line } of rows) {
    const name = line * priorities.length + priority
    const head = { id, priority: priorities[priority]!, createdAt: created_at, turn, seq }
    const of = lines.get(name)
    if (of) of.push(head)
    else lines.set(name, [head])
  }
  return [...lines.values()]
}
