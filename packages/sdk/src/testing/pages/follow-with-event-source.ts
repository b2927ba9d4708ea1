import type { Given, Tell } from '../page-server.ts'

/** As `follow-with-sdk`, with what browsers have. */
export async function run({ url, apiKey }: Given, tell: Tell): Promise<void> {
  const source = new EventSource(`${url}/v1/events/stream?last_event_id=earliest&token=${apiKey}`)
  const seen: unknown[] = []
  source.addEventListener('stream.gap', () => seen.push('stream.gap'))
  source.addEventListener('telemetry.frame', (event) => {
    const { n, last } = JSON.parse((event as MessageEvent).data).metrics
    if (seen.push(n) === 1) tell('first')
    if (!last) return
    source.close()
    tell('all', seen)
  })
}
