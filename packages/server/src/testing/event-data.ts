import { deepEqual, ok } from 'node:assert/strict'
import { type Event, eventData } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** Asserts that events say nothing but what the contract has of them, and that of some types each was told. */
export function checkEventData(events: readonly Event[], isMeant: (type: string) => boolean): void {
  const types = [...new Set(events.map(({ type }) => type))].filter(isMeant)
  deepEqual(types.toSorted(), Object.keys(eventData).filter(isMeant).toSorted())
  for (const { type, data } of events) {
    const schema: TSchema = eventData[type as keyof typeof eventData]
    ok(Compile({ ...schema, additionalProperties: false } as TSchema).Check(data), `${type} ${JSON.stringify(data)}`)
  }
}
