import { Server } from 'socket.io'
import { servePublisher } from './publish-endpoint.ts'

const server = servePublisher(({ type, payload }) => io.emit(type, payload))
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })
io.on('connection', (socket) => socket.join(`device ${socket.handshake.query.device}`))
