import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

export interface Received {
  path: string
  headers: Record<string, string>
  body: string
}

export type Answering = (received: Received, response: ServerResponse, request: IncomingMessage) => void

export interface Receiver {
  url: string
  port: number
  received: Received[]
  /** From now on; 204 until then. */
  answer(answering: Answering): void
}

/** Somebody who listens for webhooks at 127.0.0.1, until the test ends. */
export async function startReceiver(t: TestContext): Promise<Receiver> {
  const received: Received[] = []
  let answering: Answering = (_received, response) => response.writeHead(204).end()
  const server = createServer(async (request, response) => {
    const one = {
      path: request.url ?? '',
      headers: request.headers as Record<string, string>,
      body: await text(request),
    }
    received.push(one)
    answering(one, response, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    answer(given) {
      answering = given
    },
  }
}
