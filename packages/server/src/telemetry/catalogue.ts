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
  await deps.drain.settle(0, instantMax)
  const limit = input.limit ?? limitDefault
  const devices = readList(input.device_id, 'device_id', 1000)
  const found = await deps.store.metrics({
    ...(devices && { devices }),
    ...(input.prefix !== undefined && { prefix: input.prefix }),
    ...afterOf(input.cursor),
    limit: limit + 1,
  })
  const { rows, next } = page(found, limit, ({ name }) => [name])
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
  await deps.drain.settle(0, instantMax)
  const limit = input.limit ?? limitDefault
  const filter = { ...afterOf(input.cursor), limit: limit + 1 }
  const { key } = input
  if (key === undefined) {
    const { rows, next } = page(await deps.store.tagKeys(filter), limit, (row) => [row.key])
    return { tags: rows, next_cursor: next }
  }
  const { rows, next } = page(await deps.store.tagValues({ ...filter, key }), limit, (value) => [value])
  return { tags: rows.map((value) => ({ key, value })), next_cursor: next }
}

function afterOf(cursor: string | undefined): { after?: string } {
  return cursor === undefined ? {} : { after: decodeCursor(cursor, ['string'])[0] as string }
}
