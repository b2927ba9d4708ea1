import { Cron } from 'croner'
import { memoize } from '../core/memoize.ts'
import { parseCronFields } from './cron-fields.ts'

/** A pattern on a clock that never changes: a time is what that clock shows, in milliseconds, as if it were UTC. */
export interface CronPattern {
  /**
   * Whether it names its times of day: no `*` and no step in second, minute or hour. Others run through the hours, as an
   * interval does (the rule of Vixie's cron, cron(8) of Debian, with steps of ranges counted as intervals).
   */
  readonly isFixedTime: boolean
  /** The first time not before a whole second that matches; undefined: there is none before the year 3000. */
  atOrAfter(time: number): number | undefined
  /** The last time not after a whole second that matches. */
  atOrBefore(time: number): number | undefined
}

/** Schedules are many, and their patterns few; to read one takes longer than all else that is done about a tick. */
const patternsMax = 1000

/**
 * Reads a cron pattern (`parseCronFields`). Of day of the month and day of the week either will do, unless one of them begins
 * with `*` or `?`, or the latter with `+`: then both must match (crontab(5)).
 */
export const parseCron = memoize(patternsMax, (text, field: string): CronPattern => {
  const fields = parseCronFields(text, field)
  const [second, minute, hour, dayOfMonth, , dayOfWeek] = fields
  const domAndDow = /^[*?]/.test(dayOfMonth) || /^[*?]/.test(dayOfWeek)
  // Without a zone there is nothing for croner to ask of Intl; zones are `cronTicks`'s.
  const cron = new Cron(fields.join(' '), { paused: true, mode: '6-part', utcOffset: 0, domAndDow })
  return {
    isFixedTime: !/[*/]/.test(second + minute + hour),
    atOrAfter: (time) => cron.nextRun(new Date(time - 1000))?.getTime(),
    atOrBefore: (time) => cron.previousRuns(1, new Date(time + 1000))[0]?.getTime(),
  }
})
