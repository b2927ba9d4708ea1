import type { TaskSchedule } from '@nexus/contract'
import { durationForm, durationMs } from '../core/duration.ts'
import { type Failure, invalid } from '../core/failure.ts'
import { parseCron } from './cron.ts'
import { cronTicks, type DstRule } from './cron-ticks.ts'
import { everyTicks, onceTicks, type Ticks, tickMax, tickMin } from './ticks.ts'
import { zoneClock } from './zone-clock.ts'

/** A schedule that was read: its ticks are those of `ticks` in [start, end). Milliseconds since the epoch. */
export interface CompiledSchedule {
  readonly ticks: Ticks
  readonly start: number
  readonly end: number
}

const intervalMs = { min: durationMs('1s'), max: durationMs('366d') }
const jitterSecondsMax = 86_400
const errorCode = 'VALIDATION_ERROR'
const everyPattern = new RegExp(`^${durationForm}$`)

/**
 * Reads a schedule. `anchor`, the instant at which the task was made, is what `every` is told from without `start_at`, and the
 * instant after which a tick must come at all. Errors: VALIDATION_ERROR, naming the field.
 */
export function parseSchedule(schedule: TaskSchedule, anchor: number): CompiledSchedule {
  const kind = kindOf(schedule)
  const start = readInstant(schedule, 'start_at') ?? tickMin
  const end = readInstant(schedule, 'end_at') ?? tickMax + 1
  if (end <= start) throw wrong('end_at', 'must be later than start_at')

  const ticks = ticksOf(kind, schedule, anchor)
  checkJitter(schedule)
  const compiled = { ticks, start, end }
  if (kind !== 'run_at') refuseNever(kind, compiled, schedule.start_at === undefined ? anchor : start - 1)
  return compiled
}

/** The first tick after an instant; undefined: there is none. */
export function nextAfter({ ticks, start, end }: CompiledSchedule, after: number): number | undefined {
  const tick = ticks.next(Math.max(after, start - 1))
  return tick !== undefined && tick < end ? tick : undefined
}

/**
 * The last tick up to an instant, itself included; undefined: there is none. As dear as one step forward, however long ago the
 * tick was.
 */
export function previousAtOrBefore({ ticks, start, end }: CompiledSchedule, at: number): number | undefined {
  const tick = ticks.atOrBefore(Math.min(at, end - 1))
  return tick !== undefined && tick >= start ? tick : undefined
}

/** The ticks in [start, end), oldest first: `max` of them at most, and whether there are more. */
export function between(
  compiled: CompiledSchedule,
  start: number,
  end: number,
  max: number,
): { ticks: number[]; more: boolean } {
  const ticks: number[] = []
  let tick = nextAfter(compiled, start - 1)
  while (tick !== undefined && tick < end) {
    if (ticks.length === max) return { ticks, more: true }
    ticks.push(tick)
    tick = nextAfter(compiled, tick)
  }
  return { ticks, more: false }
}

const kinds = ['cron', 'every', 'run_at'] as const
type Kind = (typeof kinds)[number]

function kindOf(schedule: TaskSchedule): Kind {
  const given = kinds.filter((kind) => schedule[kind] !== undefined)
  if (given.length !== 1)
    throw invalid('schedule', `has ${given.join(' and ') || 'none'}: expected one of ${kinds.join(', ')}`, errorCode)
  const kind = given[0]!
  if (kind !== 'cron' && schedule.dst) throw wrong('dst', `has no meaning with ${kind}: it is a rule for cron`)
  for (const bound of ['start_at', 'end_at'] as const)
    if (kind === 'run_at' && schedule[bound] !== undefined) throw wrong(bound, 'has no meaning with run_at')
  return kind
}

function ticksOf(kind: Kind, schedule: TaskSchedule, anchor: number): Ticks {
  const zone = zoneClock(schedule.timezone ?? 'UTC')
  if (!zone) throw wrong('timezone', 'expected an IANA time zone, as in Europe/Berlin')
  switch (kind) {
    case 'cron': {
      const pattern = parseCron(schedule.cron!, 'schedule.cron')
      const usual: DstRule = pattern.isFixedTime ? { gap: 'shift', repeat: 'first' } : { gap: 'skip', repeat: 'both' }
      return cronTicks(pattern, zone, { ...usual, ...schedule.dst })
    }
    case 'every':
      return everyTicks(readInterval(schedule.every!), readInstant(schedule, 'start_at') ?? anchor)
    case 'run_at':
      return onceTicks(readInstant(schedule, 'run_at')!)
    default:
      return kind satisfies never
  }
}

function refuseNever(kind: Kind, compiled: CompiledSchedule, after: number): void {
  if (compiled.ticks.next(after) === undefined) throw wrong(kind, 'never comes: no date matches it')
  if (nextAfter(compiled, after) === undefined) throw wrong('end_at', `comes before the first instant of ${kind}`)
}

function readInterval(text: string): number {
  const ms = everyPattern.test(text) ? durationMs(text) : Number.NaN
  if (ms >= intervalMs.min && ms <= intervalMs.max) return ms
  throw wrong('every', 'expected a whole number and one of s, m, h, d, from 1s to 366d, as in 15m')
}

function readInstant(schedule: TaskSchedule, name: 'run_at' | 'start_at' | 'end_at'): number | undefined {
  const text = schedule[name]
  if (text === undefined) return undefined
  const instant = Date.parse(text)
  if (instant >= tickMin && instant <= tickMax) return instant
  throw wrong(name, 'expected an instant in ISO 8601 with an offset, from 1970 to 2999, as in 2025-11-03T01:53:54Z')
}

function checkJitter({ jitter_seconds = 0 }: TaskSchedule): void {
  if (Number.isInteger(jitter_seconds) && jitter_seconds >= 0 && jitter_seconds <= jitterSecondsMax) return
  throw wrong('jitter_seconds', `expected a whole number from 0 to ${jitterSecondsMax}`)
}

function wrong(name: string, issue: string): Failure {
  return invalid(`schedule.${name}`, issue, errorCode)
}
