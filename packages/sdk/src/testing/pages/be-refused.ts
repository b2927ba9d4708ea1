import { createClient } from '@nexus/sdk'
import type { Given, Tell } from '../page-server.ts'

/** Tells how calls end for a page that may not call. */
export async function run({ url, apiKey }: Given, tell: Tell): Promise<void> {
  const { code, status, details } = await createClient({ url, apiKey, retry: false })
    .telemetry.latest()
    .catch((cause) => cause)
  const source = new EventSource(`${url}/v1/events/stream?last_event_id=earliest&token=${apiKey}`)
  const eventSource = await new Promise<string>((resolve) => {
    for (const type of ['open', 'error']) source.addEventListener(type, () => resolve(type))
  })
  await tell('done', { sdk: [code, status, details.reason], eventSource })
}
