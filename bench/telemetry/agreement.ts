import type { Workload } from './generator.ts'
import type { Server } from './peers/peer.ts'
import { getJson } from './peers/started-connection.ts'
import { type Points, type QueryName, queriesOf, queryNames } from './queries.ts'

export interface Agreement {
  compared: number
  /** The first few, in words; empty when all agree. */
  differences: string[]
}

/** Compares the systems' answers to some of the timed queries, number by number, with the first system's. */
export async function compareAnswers(servers: Server[], workload: Workload, samples = 3): Promise<Agreement> {
  const agreement: Agreement = { compared: 0, differences: [] }
  for (const name of queryNames) {
    for (const query of queriesOf(name, workload, samples)) {
      const answers = await Promise.all(
        servers.map(async (server) => {
          const body = await getJson(server, server.peer.queryPath(query))
          return { who: server.peer.name as string, points: server.peer.readPoints(query, body) }
        }),
      )
      const [reference, ...others] = answers
      for (const other of others) compare(name, reference!, other, agreement)
    }
  }
  return agreement
}

interface Named {
  who: string
  points: Points
}

function compare(name: QueryName, reference: Named, other: Named, agreement: Agreement): void {
  for (const key of new Set([...reference.points.keys(), ...other.points.keys()])) {
    agreement.compared += 1
    const [left, right] = [reference.points.get(key), other.points.get(key)]
    if (left !== undefined && right !== undefined && Math.abs(left - right) <= 1e-9 * Math.max(1, Math.abs(left))) {
      continue
    }
    if (agreement.differences.length >= 10) continue
    agreement.differences.push(`${name} at ${key}: ${reference.who} ${left}, ${other.who} ${right}`)
  }
}
