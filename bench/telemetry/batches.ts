import { setTimeout as sleep } from 'node:timers/promises'
import { openConnection } from '../harness/http-connection.ts'
import { type Memory, watchMemory } from '../harness/process-memory.ts'
import { median, percentile } from '../harness/statistics.ts'
import { endMs, metrics, startMs, type Workload } from './generator.ts'
import { bodiesOf, type Payloads } from './payloads.ts'
import type { Server } from './peers/peer.ts'
import { getJson } from './peers/started-connection.ts'

export interface BatchResult {
  framesPerSecond: number
  p50Ms: number
  p99Ms: number
  /** From the first request until all that was acknowledged can be queried. */
  drainedFramesPerSecond: number
  peak: Memory
}

/** Loads all bodies over eight connections, each with one request in flight, and proves that every point arrived. */
export async function measureBatches(server: Server, payloads: Payloads, workload: Workload): Promise<BatchResult> {
  const watch = watchMemory(server.pid)
  const begun = performance.now()
  const latenciesMs = await sendAll(server, payloads)
  const ackedSeconds = (performance.now() - begun) / 1000
  while (!(await server.peer.isDrained(server))) await sleep(20)
  const drainedSeconds = (performance.now() - begun) / 1000
  const peak = watch.stop()
  await requireAll(server, workload)
  return {
    framesPerSecond: payloads.frames / ackedSeconds,
    p50Ms: median(latenciesMs),
    p99Ms: percentile(latenciesMs, 0.99),
    drainedFramesPerSecond: payloads.frames / drainedSeconds,
    peak,
  }
}

async function sendAll(server: Server, payloads: Payloads, connections = 8): Promise<number[]> {
  const { many, manyType, status } = server.peer.write
  const headers = { ...server.headers, 'content-type': manyType }
  const bodies = bodiesOf(payloads)
  const latenciesMs: number[] = []
  const sendInTurn = async () => {
    const http = await openConnection(server.port)
    for (let body = bodies.next(); body; body = bodies.next()) {
      const begun = performance.now()
      const answer = await http.request('POST', many, headers, body)
      latenciesMs.push(performance.now() - begun)
      if (answer.status !== status) throw new Error(`${server.peer.name} answered ${answer.status}: ${answer.body}`)
    }
    http.close()
  }
  await Promise.all(Array.from({ length: connections }, sendInTurn))
  bodies.close()
  return latenciesMs
}

async function requireAll(server: Server, workload: Workload): Promise<void> {
  const wanted = workload.hosts * workload.steps
  const path = server.peer.countPath(metrics[0], startMs, endMs(workload))
  const found = server.peer.readCount(await getJson(server, path))
  if (found !== wanted) throw new Error(`${server.peer.name} has ${found} points of ${metrics[0]}, not ${wanted}`)
}
