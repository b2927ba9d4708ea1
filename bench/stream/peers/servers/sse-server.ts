import type { ServerResponse } from 'node:http'
import { servePublisher } from './publish-endpoint.ts'

const answers = new Set<ServerResponse>()

servePublisher(
  ({ type, id, payload }) => {
    const bytes = Buffer.from(`event: ${type}\nid: ${id}\ndata: ${JSON.stringify(payload)}\n\n`)
    for (const answer of answers) answer.write(bytes)
  },
  (_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(': connected\n\n')
    answers.add(res)
    res.on('close', () => answers.delete(res))
  },
)
