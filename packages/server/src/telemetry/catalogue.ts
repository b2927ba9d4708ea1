import type { Input, Output } from '@nexus/contract'
import type { Ctx } from '../core/context.ts'
import { decodeCursor, page } from '../core/paging.ts'
import type { Drain } from './drain.ts'
import { formatInstant, instantMax } from './instant.ts'
import type { TelemetryStore } from './ports.ts'
import { readList } from './question.ts'

export interface CatalogueDeps {
  store: TelemetryStore
  drain: Drain
}

const limitDefault = 50

/** Every metric with its types and when it was first and last seen, by name. */
export async function listMetrics(
  deps: CatalogueDeps,
  _ctx: Ctx,
  input: Input<'telemetry.metrics'>,
): Promise<Output<'telemetry.metrics'>> {
  const devices = readList(input.device_id, 'device_id', 1000)
  const filter = { ...(devices && { devices }), ...(input.prefix !== undefined && { prefix: input.prefix }) }
  const { rows, next } = await pageByName(
    deps,
    input,
    (of) => deps.store.metrics({ ...filter, ...of }),
    ({ name }) => name,
  )
  const metrics = rows.map(({ name, kinds, devices, firstAt, lastAt }) => ({
    name,
    types: kinds,
    devices,
    first_seen: formatInstant(firstAt),
    last_seen: formatInstant(lastAt),
  }))
  return { metrics, next_cursor: next }
}

/** Tag keys with how many values each has, or the values of one key. */
export async function listTags(
  deps: CatalogueDeps,
  _ctx: Ctx,
  input: Input<'telemetry.tags'>,
): Promise<Output<'telemetry.tags'>> {
  const { key } = input
  if (key === undefined) {
    const { rows, next } = await pageByName(
      deps,
      input,
      (of) => deps.store.tagKeys(of),
      (row) => row.key,
    )
    return { tags: rows, next_cursor: next }
  }
  const { rows, next } = await pageByName(
    deps,
    input,
    (of) => deps.store.tagValues({ key, ...of }),
    (value) => value,
  )
  return { tags: rows.map((value) => ({ key, value })), next_cursor: next }
}

/** A page of what the store lists by name, once it holds all that was accepted. */
async function pageByName<Row>(
  { drain }: CatalogueDeps,
  { cursor, limit = limitDefault }: { cursor?: string; limit?: number },
  list: (of: { after?: string; limit: number }) => Promise<Row[]>,
  nameOf: (row: Row) => string,
) {
  await drain.settle(0, instantMax)
  const after = cursor === undefined ? {} : { after: decodeCursor(cursor, ['string'])[0] as string }
  return page(await list({ ...after, limit: limit + 1 }), limit, (row) => [nameOf(row)])
}
