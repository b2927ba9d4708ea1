/** How far a zone's clocks are ahead of UTC at an instant; both in milliseconds. */
export type ZoneOffset = (at: number) => number

export const utcOffset: ZoneOffset = () => 0

const numeric = 'numeric'
const parts = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric } as const
type Parts = [month: number, day: number, year: number, hour: number, minute: number, second: number]

/** Reads the offsets of an IANA zone by `Intl`, which are whole seconds; undefined: `Intl` knows no such zone. */
export function zoneOffset(name: string): ZoneOffset | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, hourCycle: 'h23', ...parts })
  } catch {
    return undefined
  }
  if (format.resolvedOptions().timeZone === 'UTC') return utcOffset
  return (at) => {
    const [month, day, year, hour, minute, second] = format.format(at).match(/\d+/g)!.map(Number) as Parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000
  }
}
