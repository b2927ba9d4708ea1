import { requestHead } from '../client-frames.ts'
import { barePeer } from './bare-peer.ts'
import type { Peer } from './peer.ts'

const request = requestHead('/events', {})

export const bareSse: Peer = {
  ...barePeer('sse-server.ts'),
  name: 'bare-sse',
  description: 'a loop over the answers that writes to each of them the same buffer',
  version: () => `node:http ${process.version}`,
  subscription: () => ({ steps: [{ send: request, answer: ': connected' }], keepAlive: undefined }),
}
