import { join } from 'node:path'
import { adminHeaders, nexusEnv, nexusVersion, root } from '../../harness/nexus-source.ts'
import { pongFrame, requestHead, textFrame, upgradeRequest } from '../client-frames.ts'
import { framesOf, linesOf } from '../messages.ts'
import type { Peer } from './peer.ts'

/** Nexus on its embedded engines, with limits that nobody reaches: frames come in as telemetry and go out as events. */
const nexus = {
  version: nexusVersion,
  script: join(root, 'packages/server/src/main.ts'),
  // What counts messages of a client stays on, for it is what a flood meets.
  env: (dataDir: string, port: number) => ({
    ...nexusEnv(dataDir, port),
    NEXUS_RATE_LIMITS: 'telemetry=999999999,other=999999999',
    NEXUS_CONNECTIONS_PER_KEY: '1000000',
    NEXUS_STREAMS_PER_KEY: '1000000',
  }),
  readyPath: '/readyz',
  headersOf: adminHeaders,
  publish: {
    path: '/v1/telemetry/frames/batch',
    type: 'application/x-ndjson',
    status: 201,
    bodyOf: (count: number) => linesOf(framesOf(count)),
  },
}

export const nexusWebSocket: Peer = {
  ...nexus,
  name: 'nexus-websocket',
  description: 'frames over HTTP, durable before the answer, out as events over WebSocket',
  subscription(headers, device) {
    const payload = device
      ? { channel: 'telemetry', filters: { device_id: device } }
      : { channel: 'events', filters: { event_types: 'telemetry.frame' } }
    const subscribe = textFrame(JSON.stringify({ type: 'subscribe', id: 's1', payload }))
    const steps = [
      { send: upgradeRequest('/v1', headers), answer: 'HTTP/1.1 101' },
      { send: subscribe, answer: '"subscribed"' },
    ]
    return { steps, keepAlive: pongFrame }
  },
  floodOf: () => textFrame(JSON.stringify({ type: 'ping', id: 'p', payload: {} })),
}

export const nexusSse: Peer = {
  ...nexus,
  name: 'nexus-sse',
  description: 'the same over Server-Sent Events',
  subscription: (headers, device) => ({
    steps: [{ send: streamRequest(headers, device), answer: 'id: evt-' }],
    keepAlive: undefined,
  }),
  floodOf: (headers) => streamRequest(headers),
}

function streamRequest(headers: Record<string, string>, device?: string): Buffer {
  const filters = device ? { filters: JSON.stringify({ device_id: device }) } : {}
  const query = new URLSearchParams({ event_types: 'telemetry.frame', ...filters })
  return requestHead(`/v1/events/stream?${query}`, headers)
}
