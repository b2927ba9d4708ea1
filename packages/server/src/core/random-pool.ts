import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(4096)
let used = pool.length

/**
 * Cryptographically random bytes, at most 4,096, that nobody else is given; to be used before anything is awaited, for their
 * place is filled again. They are drawn many at a time, for each draw costs the same.
 */
export function takeRandom(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += count
  return pool.subarray(used - count, used)
}
