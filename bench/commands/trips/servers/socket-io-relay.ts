import { createServer } from 'node:http'
import { Server, type Socket } from 'socket.io'

interface Command {
  device: string
  command: string
  number: number
}

const server = createServer((_, answer) => answer.writeHead(200).end())
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })
const devices = new Map<string, Socket>()

io.on('connection', (socket) => {
  const { device } = socket.handshake.query
  if (typeof device === 'string') devices.set(device, socket)
  socket.on('command', async ({ device, ...command }: Command, answer: (result: unknown) => void) =>
    answer(await devices.get(device)!.emitWithAck('command', command)),
  )
})
server.listen(Number(process.env.BENCH_PORT), '127.0.0.1')
