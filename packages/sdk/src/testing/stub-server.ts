import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

/** What the stub saw of a request. */
export interface Seen {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
}

/** What the stub answers; `hangUp` closes the connection without an answer. */
export type Answer = { status?: number; headers?: Record<string, string>; body?: unknown } | 'hangUp'

/** For tests: a server that gives the answers in turn (the last one from then on) and remembers the requests. */
export async function startStub(t: TestContext, ...answers: Answer[]): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer(async (req, res) => {
    seen.push({ method: req.method!, url: req.url!, headers: req.headers, body: await text(req) })
    const answer = answers[Math.min(seen.length, answers.length) - 1] ?? {}
    if (answer === 'hangUp') return void req.socket.destroy()
    res.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers })
    res.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}
