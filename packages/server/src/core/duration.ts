const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A whole number of at most nine digits and one of s, m, h, d, as in `90s`, `2m`, `1h`, `1d`: the source of a regular
 * expression.
 */
export const durationForm = '\\d{1,9}[smhd]'

/** How long a text of `durationForm` is, in milliseconds. A day is 24 hours. */
export function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * unitMs[text.slice(-1) as keyof typeof unitMs]
}
