import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface TcpRelay {
  /** The URL that was given, through the relay. */
  url: string
  /** Hangs up, and refuses who comes. */
  cut(): void
  /** Takes what comes, and passes nothing on. */
  silence(): void
  mend(): void
}

/** Stands between a client and a server, so that a test can part them. */
export async function startTcpRelay(t: TestContext, to: string): Promise<TcpRelay> {
  const target = new URL(to)
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'silent' = 'open'
  const pass = (from: Socket, into: Socket) => {
    sockets.add(from)
    from.on('data', (data) => state === 'open' && into.write(data))
    from.on('error', () => into.destroy())
    from.on('close', () => {
      sockets.delete(from)
      into.destroy()
    })
  }
  const server = createServer((near) => {
    if (state === 'cut') return void near.destroy()
    const far = connect(Number(target.port || 6379), target.hostname)
    pass(near, far)
    pass(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hangUp = () => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(() => {
    hangUp()
    server.close()
  })

  const url = new URL(to)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    cut() {
      state = 'cut'
      hangUp()
    },
    silence() {
      state = 'silent'
    },
    mend() {
      state = 'open'
    },
  }
}
