import type { Input, Operation, OperationId, Operations, Output, RateBucket } from '@nexus/contract'
import { operations, scopeMissing } from '@nexus/contract'
import { type Ctx, type Idempotent, inTransaction, type Principal, type Tx, type WriteCtx } from './context.ts'
import { fail } from './failure.ts'
import { validator } from './validate.ts'

type CtxOf<Id extends OperationId> = Operations[Id]['effect'] extends 'write' ? WriteCtx : Ctx

/** What a room binds to an operation: input is valid, output is the contract's. */
export type Handler<Id extends OperationId> = Verb<Id> | PreparedVerb<Id> | CheckingVerb<Id> | StandingVerb<Id>
export type Verb<Id extends OperationId> = (ctx: CtxOf<Id>, input: Input<Id>) => Promise<Output<Id>>

/**
 * A verb that needs more than state, such as a slow hash or a name that is resolved: `prepare` runs after authorisation
 * and before the transaction opens, because other writes wait for an open one.
 */
export interface PreparedVerb<Id extends OperationId, Prepared = unknown> {
  /** As that of a `CheckingVerb`. */
  check?(input: unknown): Input<Id>
  prepare(ctx: Ctx, input: Input<Id>): Promise<Prepared>
  run(ctx: CtxOf<Id>, input: Input<Id>, prepared: Prepared): Promise<Output<Id>>
  /** What is answered once that is durable, in place of what `run` returned; it may wait. Runs for a repeat too. */
  answer?(ctx: Ctx, input: Input<Id>, output: Output<Id>): Promise<Output<Id>>
}

/** Binds a verb with its preparation; what the one returns, the other takes. */
export function prepared<Id extends OperationId, Prepared>(verb: PreparedVerb<Id, Prepared>): PreparedVerb<Id> {
  return verb as PreparedVerb<Id>
}

/** A verb that checks its input itself, where the contract's schema would refuse all of it for the fault of a part. */
export interface CheckingVerb<Id extends OperationId> {
  check(input: unknown): Input<Id>
  run: Verb<Id>
}

/** A verb that tells how something stands; a repeat under one idempotency key tells how it stands by then. */
export interface StandingVerb<Id extends OperationId> {
  run: Verb<Id>
  /** In place of what the first call was answered. */
  repeated(ctx: Ctx, input: Input<Id>, output: Output<Id>): Promise<Output<Id>>
}

export type Handlers = { [Id in OperationId]: Handler<Id> }

/** What a call spends from, and whether a part of that is not for it. */
export type Rated = Pick<Operation, 'rate' | 'yields'>

/** How a caller stands with a rate limit after a call spent from it. */
export interface RateStatus {
  bucket: RateBucket
  /** Of the bucket. */
  limit: number
  /** The part of it that is not for calls of this kind. */
  reserved: number
  /** How many more of this kind are let through. */
  remaining: number
  /** Epoch seconds, rounded up. */
  reset: number
  exceeded: boolean
}

export interface Gate {
  /** Spends one request of the bucket of the caller's key; never throws. */
  spend(principal: Principal, rated: Rated): RateStatus
  invoke(id: OperationId, ctx: Ctx, input: unknown, options?: InvokeOptions): Promise<Answer>
}

export interface InvokeOptions {
  /** The client's `Idempotency-Key`, for operations that honour it. */
  idempotencyKey?: string
  /**
   * For a write of Nexus itself, without an idempotency key: done in its transaction, after it; of both there is
   * neither without the other.
   */
  within?(tx: Tx, output: unknown): Promise<void>
}

export interface Answer {
  output: unknown
  /** The stored answer of an earlier call with the same idempotency key. */
  replayed: boolean
  /** What became of it later: the caller may have lost the key meanwhile. */
  isLater?: boolean
}

/** Runs the second and later calls under one idempotency key from the stored answer of the first. */
export interface Idempotency {
  /** Without `tx`: by what is committed. A transaction that is run anew asks again, with the same call. */
  begin(key: IdempotentCall, tx?: Tx): Promise<{ replay: unknown } | undefined>
  /** Stores the answer in the transaction of the call itself. */
  complete(tx: Tx, key: IdempotentCall, output: unknown): Promise<void>
  /** It is over; one that was refused because of another ends nothing of that. */
  abandon(key: IdempotentCall): void
}

export interface IdempotentCall {
  keyId: string
  operation: OperationId
  value: string
  bodyHash: string
}

export interface GateDeps {
  handlers: Handlers
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>
  spend(principal: Principal, rated: Rated): RateStatus
  idempotency: Idempotency
  hashBody(input: unknown): string
}

/** One for all gates of the process, for each compiles its schema. */
const validators = new Map(
  Object.values(operations).map((op: Operation) => [op.id, validator(op.input, `input of ${op.id}`)]),
)

/**
 * The one gate: every transport calls operations through it, and nothing else opens a transaction. It authorises,
 * validates, and for a write runs the verb in one state transaction. The rate limit is spent by the transport first,
 * because malformed floods cost too.
 */
export function createGate(deps: GateDeps): Gate {
  const run = async (id: OperationId, ctx: Ctx, input: unknown, within?: InvokeOptions['within']): Promise<unknown> => {
    const handler = await bound(deps.handlers[id], ctx, input)
    if (operations[id].effect !== 'write') {
      if (within) throw new Error(`${id} has no transaction in which more could be done`)
      return handler(ctx)
    }
    return deps.write(async (tx) => {
      const output = await handler(inTransaction(ctx, tx))
      await within?.(tx, output)
      return output
    })
  }

  /** A write that is repeated is answered before it is prepared, else in its transaction, where to ask costs least. */
  const runOnce = async (id: OperationId, ctx: Ctx, input: unknown, call: IdempotentCall): Promise<Answer> => {
    const { idempotency } = deps
    const isPrepared = 'prepare' in deps.handlers[id]
    const known = isPrepared ? await idempotency.begin(call) : undefined
    if (known) return { output: known.replay, replayed: true }
    try {
      const handler = await bound(deps.handlers[id], ctx, input)
      return await deps.write(async (tx) => {
        const earlier = isPrepared ? undefined : await idempotency.begin(call, tx)
        if (earlier) return { output: earlier.replay, replayed: true }
        const output = await handler(inTransaction(ctx, tx))
        await idempotency.complete(tx, call, output)
        return { output, replayed: false }
      })
    } finally {
      idempotency.abandon(call)
    }
  }

  const invoke = async (id: OperationId, ctx: Ctx, input: unknown, options: InvokeOptions = {}): Promise<Answer> => {
    const operation: Operation = operations[id]
    authorise(operation, ctx.principal)
    const handler = deps.handlers[id] as Handler<OperationId>
    const check = ('check' in handler ? handler.check : undefined) ?? validators.get(id)!
    const valid = check(input)
    const { output, replayed } = await perform(operation, ctx, valid, options)
    const answer =
      'answer' in handler ? handler.answer : replayed && 'repeated' in handler ? handler.repeated : undefined
    const told = answer ? await answer(ctx, valid as never, output as never) : output
    return { output: told, replayed, isLater: told !== output }
  }

  const perform = async (operation: Operation, ctx: Ctx, valid: unknown, options: InvokeOptions): Promise<Answer> => {
    const id = operation.id as OperationId
    const key = operation.idempotent ? options.idempotencyKey : undefined
    if (key !== undefined && options.within)
      throw new Error(`${id}: what is done within goes without an idempotency key`)
    if (key === undefined) return { output: await run(id, ctx, valid, options.within), replayed: false }
    if (operation.effect === 'append') {
      const idempotent: Idempotent = { key: appendKey(ctx.principal, id, key), bodyHash: deps.hashBody(valid) }
      const output = await run(id, { ...ctx, idempotent }, valid)
      return { output, replayed: idempotent.replayed === true }
    }
    const call = {
      keyId: ctx.principal.keyId,
      operation: id,
      value: key,
      bodyHash: deps.hashBody(valid),
    }
    return runOnce(id, ctx, valid, call)
  }

  return { spend: deps.spend, invoke }
}

/** The verb with its input, prepared if it asks for that. */
async function bound(handler: Handler<OperationId>, ctx: Ctx, input: unknown) {
  if (!('prepare' in handler)) {
    const verb = ('run' in handler ? handler.run : handler) as (ctx: Ctx, input: unknown) => Promise<unknown>
    return (of: Ctx | WriteCtx) => verb(of, input)
  }
  const verb = handler as unknown as PreparedVerb<'auth.keys.create'>
  const ready = await verb.prepare(ctx, input as Input<'auth.keys.create'>)
  return (of: Ctx | WriteCtx) => verb.run(of as WriteCtx, input as Input<'auth.keys.create'>, ready) as Promise<unknown>
}

/** Under which an append that a client named is remembered. */
export function appendKey({ keyId }: Principal, operation: string, value: string): string {
  return `key ${keyId} ${operation} ${value}`
}

/** Errors: FORBIDDEN, naming the first scope that the key lacks. */
export function authorise(operation: Pick<Operation, 'scope' | 'narrowable'>, principal: Principal): void {
  const missing = scopeMissing(operation, principal.scopes)
  if (missing !== undefined) throw fail('FORBIDDEN', { required_scope: missing, issue: `needs the scope ${missing}` })
}
