import { createClient, NexusError } from '@nexus/sdk'
import type { Given, Tell } from '../page-server.ts'

/** Sends a frame and asks for it, follows events until it comes, and reads an error. */
export async function run({ url, apiKey }: Given, tell: Tell): Promise<void> {
  const client = createClient({ url, apiKey })
  const { success } = await client.telemetry.frames.send({ device_id: 'page', metrics: { n: 7 } })
  const { devices } = await client.telemetry.latest({ device_id: 'page' })
  const { value: event } = await client.events
    .stream({ event_types: 'telemetry.frame', last_event_id: 'earliest' })
    .next()
  const error: unknown = await createClient({ url, apiKey: 'none' })
    .telemetry.metrics()
    .catch((cause: unknown) => cause)
  await tell('done', {
    success,
    latest: devices[0]?.metrics.n?.value,
    event: event.type === 'telemetry.frame' && event.data.device_id,
    error: error instanceof NexusError && [error.code, error.status, typeof error.requestId],
  })
}
