import type { Scope } from '@nexus/contract'
import { type Fault, fault } from './value.ts'

/** Who calls. A key bound to a device or an agent may only speak as it. */
export interface Principal {
  keyId: string
  scopes: readonly Scope[]
  deviceId: string | null
  agentId: string | null
  /** Requests a minute by bucket, where the key has limits of its own. */
  rateLimits: Readonly<Record<string, number>>
  /** Which of the key's secrets was shown: what follows from it ends with that secret. */
  secretTag: string
}

/** An append that the client named, so that it can be sent again. */
export interface Idempotent {
  key: string
  bodyHash: string
  /** Set once the answer turns out to be that of an earlier call. */
  replayed?: boolean
}

/** What every verb knows of the call that it serves. */
export interface Ctx {
  principal: Principal
  /** Echoed as `X-Request-Id`. */
  requestId: string
  /** W3C trace id, 32 hex digits: the caller's, else a new one. */
  traceId: string
  /** The caller's alone. */
  givenTraceId?: string | undefined
  /** Of an append alone: writes are repeated by the gate. */
  idempotent?: Idempotent | undefined
  /** The event that led to the call, where Nexus makes it itself. */
  causeId?: string | undefined
  /** Milliseconds since the epoch. */
  now(): number
  /** Aborted once nobody waits for the answer: the caller has gone, or a stop has cut it off after its grace. */
  signal: AbortSignal
}

declare const transaction: unique symbol

/** An open state transaction; opaque outside `storage/state`. */
export interface Tx {
  readonly [transaction]: true
}

/** The context of a verb that writes state: everything that it writes commits at once, or nothing does. */
export interface WriteCtx extends Ctx {
  tx: Tx
}

/** The context of the same call in a transaction. Field by field, for its `traceId` is only made once somebody asks for it. */
export function inTransaction(ctx: Ctx, tx: Tx): WriteCtx {
  return {
    principal: ctx.principal,
    requestId: ctx.requestId,
    get traceId() {
      return ctx.traceId
    },
    givenTraceId: ctx.givenTraceId,
    idempotent: ctx.idempotent,
    causeId: ctx.causeId,
    now: ctx.now,
    signal: ctx.signal,
    tx,
  }
}

export function holds(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope) || principal.scopes.includes('admin')
}

/** Why a caller may not act for a device: the key is bound to another one. */
export function deviceFault({ deviceId }: Principal, asked: string): Fault | undefined {
  if (deviceId === null || deviceId === asked) return undefined
  return fault('device_id', `the key is bound to the device ${deviceId}`)
}
