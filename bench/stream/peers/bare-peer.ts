import { join } from 'node:path'
import { linesOf, messagesOf } from '../messages.ts'

/** What the servers in `servers/` have in common: a POST of lines makes them send each of them to all subscribers. */
export function barePeer(script: string) {
  return {
    script: join(import.meta.dirname, 'servers', script),
    env: (_: string, port: number) => ({ BENCH_PORT: String(port) }),
    readyPath: '/ready',
    headersOf: () => ({}),
    publish: {
      path: '/publish',
      type: 'application/x-ndjson',
      status: 204,
      bodyOf: (count: number) => linesOf(messagesOf(count)),
    },
  }
}
