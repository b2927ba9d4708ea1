import { deepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bits, toDecimal } from './decimal.ts'

function read({ mantissa, scale }: ReturnType<typeof toDecimal>): number {
  if (scale !== bits) return Number(mantissa) / 10 ** scale
  const view = new DataView(new ArrayBuffer(8))
  view.setBigInt64(0, BigInt(mantissa))
  return view.getFloat64(0)
}

test('a reading comes back as the very same double, whatever scale its metric has had', () => {
  const decimal = fc.tuple(fc.integer(), fc.nat(9)).map(([n, scale]) => n / 10 ** scale)
  const any = fc.oneof(decimal, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger())
  fc.assert(fc.property(any, fc.nat(12), (num, scale) => ok(read(toDecimal(num, scale)) === num)))
})

test('decimals are kept as decimals, at no smaller scale than was asked for', () => {
  deepEqual(toDecimal(45.2, 0), { mantissa: 452, scale: 1 })
  deepEqual(toDecimal(45, 1), { mantissa: 450, scale: 1 })
  deepEqual(toDecimal(-0.125, 0), { mantissa: -125, scale: 3 })
  deepEqual(toDecimal(0.1 + 0.2, 0).scale, bits)
  deepEqual(toDecimal(1e300, 0).scale, bits)
})
