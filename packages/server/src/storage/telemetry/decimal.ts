/**
 * A double as a whole number and a decimal scale: 45.2 is 452 at scale 1. Readings are decimals far more often than not,
 * and whole numbers of one scale compress to half of what doubles do. Exact: a mantissa up to 2^53 over a power of ten
 * up to 10^22 are both exact doubles, so their quotient is the double nearest to the decimal, which is the one that came.
 */
export interface Decimal {
  /** For a double that is no short decimal: its 64 bits, at scale `bits`. */
  mantissa: number | bigint
  scale: number
}

/** The scale that marks a mantissa as the bits of a double. */
export const bits = -1

export const scaleMax = 12
const powers = Array.from({ length: scaleMax + 1 }, (_, scale) => 10 ** scale)
const buffer = new DataView(new ArrayBuffer(8))

/** Writes a double at the given scale, if it fits there, else at the next larger one that it fits. */
export function toDecimal(num: number, scale: number): Decimal {
  for (let s = scale; s <= scaleMax; s++) {
    const power = powers[s]!
    const mantissa = Math.round(num * power)
    if (mantissa / power === num && Number.isSafeInteger(mantissa)) return { mantissa, scale: s }
    if (s === 0 && Number.isInteger(num)) break
  }
  buffer.setFloat64(0, num)
  return { mantissa: buffer.getBigInt64(0), scale: bits }
}
