import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'

/** What a client sent. */
export interface Asked {
  type: string
  id: string
  payload: { channel?: string; after?: string; subscription_id?: string }
}

/** One connection, from the server's side. */
export interface Peer {
  /** The next message of the client. */
  asked(): Promise<Asked>
  /** All that came and was not asked for yet. */
  rest: Asked[]
  say(message: object | string): void
  close(code: number): void
}

/** For tests: a server whose connections say what the test tells them to. */
export async function startStubWebSocket(t: TestContext) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'nexus.v1' })
  await once(server, 'listening')
  t.after(() => {
    for (const ws of server.clients) ws.terminate()
    server.close()
  })
  const peers = queue<Peer>()
  server.on('connection', (ws) => peers.put(peerOf(ws)))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** The next connection. */
    peer: peers.take,
  }
}

function peerOf(ws: WebSocket): Peer {
  const asked = queue<Asked>()
  ws.on('message', (data) => asked.put(JSON.parse(String(data))))
  return {
    asked: asked.take,
    rest: asked.waiting,
    say: (message) => ws.send(typeof message === 'string' ? message : JSON.stringify(message)),
    close: (code) => ws.close(code),
  }
}

function queue<T>() {
  const waiting: T[] = []
  const takers: ((value: T) => void)[] = []
  return {
    waiting,
    put(value: T) {
      const taker = takers.shift()
      if (taker) taker(value)
      else waiting.push(value)
    },
    take: (): Promise<T> =>
      waiting.length > 0 ? Promise.resolve(waiting.shift()!) : new Promise((resolve) => takers.push(resolve)),
  }
}
