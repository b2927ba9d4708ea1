import type { DirtyHours } from './dirty-hours.ts'
import { type Micros, microsPerHour, microsPerMinute } from './instant.ts'
import type { Stretch } from './ports.ts'

export interface RangeQuestion {
  start: Micros
  end: Micros
  devices: readonly string[] | undefined
  /** What all bucket boundaries are multiples of; `undefined`: there are none within the range. */
  grain: Micros | undefined
  /** Whether roll-ups hold what is asked for. */
  rollsUp: boolean
}

/**
 * Cuts a range into stretches, each read from the coarsest table that answers it exactly: whole clean hours from the
 * hourly roll-up, whole clean minutes from that of minutes, edges and dirty hours from raw points.
 */
export function planStretches({ start, end, devices, grain, rollsUp }: RangeQuestion, dirty: DirtyHours): Stretch[] {
  const fits = (width: Micros) => grain === undefined || grain % width === 0
  const minutes = { from: ceil(start, microsPerMinute), to: floor(end, microsPerMinute) }
  if (!rollsUp || !fits(microsPerMinute) || minutes.from >= minutes.to) return [{ source: 'raw', from: start, to: end }]

  const spoiled = dirty.within(minutes.from, minutes.to, devices)
  const except = spoiled ? { except: spoiled } : {}
  const hours = { from: ceil(start, microsPerHour), to: floor(end, microsPerHour) }
  const inHours = fits(microsPerHour) && hours.from < hours.to
  const rolled: Stretch[] = inHours
    ? [
        { source: '1m', from: minutes.from, to: hours.from, ...except },
        { source: '1h', from: hours.from, to: hours.to, ...except },
        { source: '1m', from: hours.to, to: minutes.to, ...except },
      ]
    : [{ source: '1m', ...minutes, ...except }]
  const raw: Stretch[] = [
    { source: 'raw', from: start, to: minutes.from },
    { source: 'raw', from: minutes.to, to: end },
    ...(spoiled ? [{ source: 'raw' as const, ...minutes, only: spoiled }] : []),
  ]
  return [...rolled, ...raw].filter(({ from, to }) => from < to)
}

function ceil(at: Micros, width: Micros): Micros {
  return Math.ceil(at / width) * width
}

function floor(at: Micros, width: Micros): Micros {
  return Math.floor(at / width) * width
}
