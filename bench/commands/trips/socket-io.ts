import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { io, type Socket } from 'socket.io-client'
import { packageVersion } from '../../harness/package-version.ts'
import { onServerCore } from '../../harness/pinning.ts'
import { freePort, startUntilOk } from '../../harness/server-process.ts'
import type { TripSystem } from './trip.ts'

export const socketIo: TripSystem = {
  name: 'socket.io',
  description: '`emitWithAck`, passed on to the device by a server in JavaScript with another; nothing is durable',
  version: () => `${packageVersion('socket.io')}, ${packageVersion('socket.io-client')}`,
  isHere: () => true,
  async start({ dir, pinned }) {
    mkdirSync(dir, { recursive: true })
    const port = await freePort()
    const script = join(import.meta.dirname, 'servers/socket-io-relay.ts')
    const launch = { command: process.execPath, args: [script], env: { BENCH_PORT: String(port) } }
    const url = `http://127.0.0.1:${port}`
    const log = join(dir, 'socket-io.log')
    const server = await startUntilOk('socket.io', pinned ? onServerCore(launch) : launch, `${url}/ready`, log)
    return {
      pid: server.pid,
      stop: server.stop,
      async connectDevice(device) {
        const socket = await connect(url, { device })
        socket.on('command', ({ number }, answer) => answer({ number }))
        return { close: () => socket.disconnect() }
      },
      async connectSubmitter() {
        const socket = await connect(url, {})
        return {
          close: () => socket.disconnect(),
          call: async (device, number) =>
            (await socket.emitWithAck('command', { device, command: 'echo', number })).number,
        }
      },
    }
  },
}

async function connect(url: string, query: Record<string, string>): Promise<Socket> {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, query })
  await once(socket as unknown as NodeJS.EventEmitter, 'connect')
  return socket
}
