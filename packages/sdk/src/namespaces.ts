import type { Input, OperationId, Output } from '@nexus/contract'
import { routes } from './contract-data.ts'

export interface CallOptions {
  /** Ends the call, its retries and its waits; the call then throws the signal's reason. */
  signal?: AbortSignal
  /** For each try. */
  timeoutMs?: number
  /** Instead of one made for this call; the same key within 24 hours gives the first answer again. */
  idempotencyKey?: string
}

type Arguments<In> = object extends In ? [input?: In, options?: CallOptions] : [input: In, options?: CallOptions]

/** One operation as a method; its input may be left out when nothing in it is required. */
export type Call<Id extends OperationId> = (...args: Arguments<Input<Id>>) => Promise<Output<Id>>

type Head<Prefix extends string, Id extends string = OperationId> = Id extends `${Prefix}${infer Rest}`
  ? Rest extends `${infer First}.${string}`
    ? First
    : Rest
  : never

/** The operation ids as nested objects: `telemetry.frames.send` is `client.telemetry.frames.send`. */
export type Namespaces<Prefix extends string = ''> = {
  readonly [Name in Head<Prefix>]: `${Prefix}${Name}` extends infer Id extends OperationId
    ? Call<Id>
    : Namespaces<`${Prefix}${Name}.`>
}

export type Invoke = <Id extends OperationId>(id: Id, ...args: Arguments<Input<Id>>) => Promise<Output<Id>>

/** Hangs every operation of the contract under its id. */
export function namespacesOver(invoke: Invoke): Namespaces {
  const root: Branch = {}
  for (const id of Object.keys(routes) as OperationId[]) {
    const names = id.split('.')
    const leaf = names.pop()!
    let branch = root
    for (const name of names) {
      branch[name] ??= {}
      branch = branch[name] as Branch
    }
    branch[leaf] = (...args: unknown[]) => (invoke as (...all: unknown[]) => unknown)(id, ...args)
  }
  return root as unknown as Namespaces
}

interface Branch {
  [name: string]: Branch | ((...args: unknown[]) => unknown)
}
