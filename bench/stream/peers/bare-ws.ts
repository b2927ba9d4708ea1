import { packageVersion } from '../../harness/package-version.ts'
import { upgradeRequest } from '../client-frames.ts'
import { barePeer } from './bare-peer.ts'
import type { Peer } from './peer.ts'

export const bareWs: Peer = {
  ...barePeer('ws-server.ts'),
  name: 'bare-ws',
  description: 'a loop over the clients that sends each of them the same buffer',
  version: () => packageVersion('ws'),
  subscription: () => ({ steps: [{ send: upgradeRequest('/'), answer: 'HTTP/1.1 101' }], keepAlive: undefined }),
}
