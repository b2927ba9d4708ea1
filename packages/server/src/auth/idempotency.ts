import type { Clock } from '../core/clock.ts'
import type { Tx } from '../core/context.ts'
import { type Failure, fail } from '../core/failure.ts'
import type { Idempotency, IdempotentCall } from '../core/invoke.ts'
import { createLoop, type Loop } from '../core/loop.ts'
import type { IdempotencyStore, Log } from './ports.ts'

export interface IdempotencyDeps {
  store: IdempotencyStore
  clock: Clock
  log: Log
  /** Calls under an idempotency key at one time. */
  runningMax?: number
}

const keptMs = 24 * 3_600_000
const sweepMs = 15 * 60_000

/** Answers are kept for 24 hours by API key, operation and value. A call that fails keeps nothing, so it can be retried. */
export function createIdempotency(deps: IdempotencyDeps): Idempotency & Loop & { sweep(): Promise<void> } {
  const { store, clock, log, runningMax = 10_000 } = deps
  const running = new Map<string, IdempotentCall>()
  const sweep = () => store.sweep(clock.now())

  const begin = async (call: IdempotentCall, tx?: Tx): Promise<{ replay: unknown } | undefined> => {
    const id = idOf(call)
    const other = running.get(id)
    // The same one again: its transaction is run anew.
    if (other !== undefined && other !== call) throw other.bodyHash === call.bodyHash ? inUse() : reused()
    if (other === undefined && running.size >= runningMax) {
      throw fail('SERVICE_UNAVAILABLE', { reason: 'too_many_calls' }, { retryAfterSeconds: 1 })
    }
    running.set(id, call)
    let started = false
    try {
      const stored = await store.find(call, tx)
      if (!stored || stored.expiresAt <= clock.now()) {
        started = true
        return undefined
      }
      if (stored.bodyHash !== call.bodyHash) throw reused()
      return { replay: stored.output() }
    } finally {
      if (!started) running.delete(id)
    }
  }

  return {
    begin,
    async complete(tx, call, output) {
      const now = clock.now()
      const answer = { bodyHash: call.bodyHash, output, now, expiresAt: now + keptMs }
      // Another node has completed the same call meanwhile: this one is undone.
      if (!(await store.insert(tx, call, answer))) throw inUse()
    },
    abandon(call) {
      if (running.get(idOf(call)) === call) running.delete(idOf(call))
    },
    sweep,
    ...createLoop({
      restMs: sweepMs,
      run: sweep,
      onError: (err) => log.error({ err }, 'Expired idempotency keys could not be removed; trying again later'),
    }),
  }
}

function idOf({ keyId, operation, value }: IdempotentCall): string {
  return `${keyId} ${operation} ${value}`
}

function reused(): Failure {
  return fail('CONFLICT', {
    reason: 'idempotency_key_reused',
    field: 'Idempotency-Key',
    issue: 'was used for another request body within 24 hours',
  })
}

function inUse(): Failure {
  return fail(
    'CONFLICT',
    { reason: 'idempotency_key_in_use', field: 'Idempotency-Key', issue: 'belongs to a request that is still running' },
    { retryAfterSeconds: 1 },
  )
}
