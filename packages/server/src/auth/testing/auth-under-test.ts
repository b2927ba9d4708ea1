import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ApiKeyCreate, ApiKeyCreated, Input, OperationId, Output } from '@nexus/contract'
import type { Ctx, Principal } from '../../core/context.ts'
import { createGate, type Handlers } from '../../core/invoke.ts'
import {
  createIdempotencyStore,
  createKeyStore,
  createTicketStore,
  openSealer,
  openState,
} from '../../storage/state/index.ts'
import { createAuth, createHasher, createIdempotency, type KeyStore } from '../index.ts'

export const admin: Principal = {
  keyId: 'key-root',
  scopes: ['admin'],
  deviceId: null,
  agentId: null,
  rateLimits: {},
  secretTag: '',
}

/** The auth room behind the gate, on a real SQLite file, with a clock that the test turns and bcrypt at its cheapest. */
export async function startAuth(
  t: TestContext,
  options: { store?: (store: KeyStore) => KeyStore; beforeHash?: () => Promise<void> } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-test-'))
  const file = join(folder, 'state.db')
  const engine = await openState({ file })
  t.after(async () => {
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const clock = fakeClock(Date.parse('2026-01-01T00:00:00Z'))
  const log = { error: (fields: object) => t.diagnostic(JSON.stringify(fields)) }
  const sealer = await openSealer(engine, { file: join(folder, 'master.key'), now: clock.now() })
  const keys = options.store?.(createKeyStore(engine)) ?? createKeyStore(engine)
  const slow = createHasher({ cost: 4 })
  const bcrypts = { count: 0 }
  const hasher: typeof slow = {
    async hash(secret) {
      await options.beforeHash?.()
      return slow.hash(secret)
    },
    matches(secret, hashed) {
      bcrypts.count++
      return slow.matches(secret, hashed)
    },
  }
  const tickets = createTicketStore(engine)
  const start = () => createAuth({ store: keys, tickets, clock, log, hasher, pepper: sealer.derive('api keys') })
  const auth = start()
  const idempotency = createIdempotency({ store: createIdempotencyStore(engine, sealer), clock, log })
  const gate = createGate({
    handlers: auth.handlers as Handlers,
    write: (fn) => engine.write(fn),
    spend: () => ({ bucket: 'other', limit: 1, reserved: 0, remaining: 1, reset: 0, exceeded: false }),
    idempotency,
    hashBody: (input) => JSON.stringify(input),
  })

  const answer = (id: OperationId, input: unknown, more: { principal?: Principal; idempotencyKey?: string } = {}) =>
    gate.invoke(id, ctxOf(clock, more.principal ?? admin), input, more)
  const call = async <Id extends OperationId>(id: Id, input: Input<Id>, principal = admin): Promise<Output<Id>> =>
    (await answer(id, input, { principal })).output as Output<Id>
  const create = (more: Partial<ApiKeyCreate> = {}): Promise<ApiKeyCreated> =>
    call('auth.keys.create', { name: 'one', scopes: ['telemetry:read'], ...more })
  return { auth, answer, call, create, clock, engine, folder, file, bcrypts, idempotency, keys, restart: start }
}

export function fakeClock(start: number) {
  let now = start
  return {
    now: () => now,
    turn(ms: number) {
      now += ms
    },
  }
}

function ctxOf(clock: { now(): number }, principal: Principal): Ctx {
  return { principal, requestId: 'r', traceId: '0'.repeat(32), now: clock.now, signal: new AbortController().signal }
}
