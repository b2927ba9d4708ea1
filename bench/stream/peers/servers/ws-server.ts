import { WebSocketServer } from 'ws'
import { servePublisher } from './publish-endpoint.ts'

const server = servePublisher((message) => {
  const bytes = Buffer.from(JSON.stringify(message))
  for (const client of sockets.clients) client.send(bytes, { binary: false })
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => socket.on('error', () => {}))
