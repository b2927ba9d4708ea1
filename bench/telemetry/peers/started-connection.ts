import { type HttpAnswer, type HttpConnection, openConnection } from '../../harness/http-connection.ts'
import type { Server } from './peer.ts'

/** Runs `use` with a connection of its own and closes it. */
export async function startedConnection<T>(server: Server, use: (http: HttpConnection) => Promise<T>): Promise<T> {
  const http = await openConnection(server.port)
  try {
    return await use(http)
  } finally {
    http.close()
  }
}

/** GETs a path and parses the JSON; anything but 200 throws. */
export async function getJson(server: Server, path: string): Promise<unknown> {
  const answer: HttpAnswer = await startedConnection(server, (http) => http.request('GET', path, server.headers))
  if (answer.status !== 200) throw new Error(`${server.peer.name} answered ${answer.status}: ${answer.body}`)
  return JSON.parse(answer.body.toString())
}
