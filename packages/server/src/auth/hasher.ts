import { compare, hash } from 'bcrypt'
import { fail } from '../core/failure.ts'

export interface Hasher {
  hash(secret: string): Promise<string>
  matches(secret: string, hashed: string): Promise<boolean>
}

export interface HasherOptions {
  /** bcrypt's cost; 10 takes about 54 ms. */
  cost?: number
  atOnceMax?: number
  waitingMax?: number
}

/**
 * bcrypt, at most four at once: each takes a thread of libuv's pool. Errors: SERVICE_UNAVAILABLE (`too_many_sign_ins`)
 * when too many wait.
 */
export function createHasher({ cost = 10, atOnceMax = 4, waitingMax = 500 }: HasherOptions = {}): Hasher {
  const waiting: (() => void)[] = []
  let running = 0

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running < atOnceMax) running++
    else if (waiting.length >= waitingMax) {
      throw fail('SERVICE_UNAVAILABLE', { reason: 'too_many_sign_ins' }, { retryAfterSeconds: 5 })
    } else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }

  return {
    hash: (secret) => inTurn(() => hash(secret, cost)),
    matches: (secret, hashed) => inTurn(() => compare(secret, hashed)),
  }
}
