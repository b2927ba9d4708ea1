import { type HttpConnection, openConnection } from '../harness/http-connection.ts'
import { median, percentile } from '../harness/statistics.ts'
import type { Workload } from './generator.ts'
import type { PeerName, Server } from './peers/peer.ts'
import { type Query, type QueryName, queriesOf, queryNames } from './queries.ts'

export interface QueryResult {
  p50Ms: number
  p99Ms: number
  answerBytes: number
}

export type QueryResults = Record<QueryName, Partial<Record<PeerName, QueryResult>>>

/**
 * Times each query with one client, from the request to the last byte of the answer, over one kept connection. The
 * systems take turns: every round asks one of them a share of the repetitions, in the same order of hosts and windows.
 */
export async function measureQueries(
  servers: Server[],
  workload: Workload,
  repetitions: number,
  rounds: number,
): Promise<QueryResults> {
  const clients = await Promise.all(
    servers.map(async (server) => ({ server, http: await openConnection(server.port) })),
  )
  const results = {} as QueryResults
  for (const name of queryNames) {
    const queries = queriesOf(name, workload, repetitions)
    const latencies = new Map(servers.map((server) => [server.peer.name, [] as number[]]))
    const bytes = new Map<PeerName, number>()
    for (const { server, http } of clients) for (const query of queries.slice(0, 5)) await ask(server, http, query)
    for (let round = 0; round < rounds; round += 1) {
      const share = queries.filter((_, index) => index % rounds === round)
      for (const { server, http } of clients) {
        for (const query of share) {
          const begun = performance.now()
          bytes.set(server.peer.name, await ask(server, http, query))
          latencies.get(server.peer.name)!.push(performance.now() - begun)
        }
      }
    }
    results[name] = Object.fromEntries(
      [...latencies].map(([peer, all]) => {
        return [peer, { p50Ms: median(all), p99Ms: percentile(all, 0.99), answerBytes: bytes.get(peer)! }]
      }),
    )
  }
  for (const { http } of clients) http.close()
  return results
}

async function ask(server: Server, http: HttpConnection, query: Query): Promise<number> {
  const answer = await http.request('GET', server.peer.queryPath(query), server.headers)
  if (answer.status === 200) return answer.body.length
  throw new Error(`${server.peer.name} answered ${query.name} with ${answer.status}: ${answer.body}`)
}
