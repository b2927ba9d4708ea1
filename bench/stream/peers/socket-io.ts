import { packageVersion } from '../../harness/package-version.ts'
import { textFrame, upgradeRequest } from '../client-frames.ts'
import { barePeer } from './bare-peer.ts'
import type { Peer } from './peer.ts'

export const socketIo: Peer = {
  ...barePeer('socket-io-server.ts'),
  name: 'socket.io',
  description: '`io.emit`, WebSocket alone',
  version: () => packageVersion('socket.io'),
  // Packets of Engine.IO and Socket.IO: 4 is a message, 40 connects; 3 is the answer to a ping, which may come unasked.
  subscription: (_, device = 'all') => ({
    steps: [
      {
        send: upgradeRequest(`/socket.io/?EIO=4&transport=websocket&device=${encodeURIComponent(device)}`),
        answer: '0{"sid"',
      },
      { send: textFrame('40'), answer: '40{"sid"' },
    ],
    keepAlive: textFrame('3'),
  }),
}
