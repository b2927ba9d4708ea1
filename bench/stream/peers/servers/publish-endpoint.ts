import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { Message } from '../../messages.ts'

/** Listens on `BENCH_PORT`. A POST of JSON lines hands each of them to `send`; what else is asked for is for `other`. */
export function servePublisher(send: (message: Message) => void, other: RequestListener = notFound): Server {
  const server = createServer((req, res) => {
    if (req.url === '/publish')
      publish(req, send).then(
        () => res.writeHead(204).end(),
        () => res.writeHead(400).end(),
      )
    else if (req.url === '/ready') res.end('ready\n')
    else other(req, res)
  })
  process.once('SIGTERM', () => process.exit(0))
  return server.listen(Number(process.env.BENCH_PORT), '127.0.0.1', 4096)
}

async function publish(req: IncomingMessage, send: (message: Message) => void): Promise<void> {
  const lines = (await buffer(req)).toString().trimEnd().split('\n')
  for (const message of lines.map((line) => JSON.parse(line) as Message)) send(message)
}

const notFound: RequestListener = (_, res) => void res.writeHead(404).end()
