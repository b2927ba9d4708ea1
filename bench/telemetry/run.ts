import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { conduct, say } from '../harness/conduct.ts'
import { memoryOf } from '../harness/process-memory.ts'
import { compareAnswers } from './agreement.ts'
import { measureBatches } from './batches.ts'
import { diskBytesOf, untilAtRest, untilDiskSettles } from './footprint.ts'
import { workloadOf } from './generator.ts'
import { type BenchOptions, benchOptions } from './options.ts'
import { type Payloads, renderPayloads } from './payloads.ts'
import type { PeerName, Server } from './peers/peer.ts'
import { startServer } from './peers/start-server.ts'
import { measureQueries } from './query-latency.ts'
import { markdownOf } from './report.ts'
import { emptyResults, type Results } from './results.ts'
import { measureSingle } from './single-frames.ts'

/** Runs the chosen parts, the systems in turn within each repetition, one at a time except for the queries. */
async function run(options: BenchOptions, workDir: string): Promise<Results> {
  const results = emptyResults(options)
  if (options.parts.has('single')) await single(options, workDir, results)
  if (options.parts.has('batch') || options.parts.has('query')) {
    const dirs = await batches(options, workDir, results)
    if (options.parts.has('query')) await queries(options, dirs, results)
  }
  return results
}

async function single(options: BenchOptions, workDir: string, results: Results): Promise<void> {
  for (let repetition = 0; repetition < options.repetitions; repetition += 1) {
    for (const peer of options.peers) {
      const dataDir = join(workDir, `single-${peer.name}`)
      const server = await startServer(peer, dataDir)
      try {
        const result = await measureSingle(server, workDir, options.windowSeconds)
        results.single[peer.name]!.push(result)
        say(`single ${repetition + 1} ${peer.name}: ${Math.round(result.requestsPerSecond)} requests/s`)
      } finally {
        await server.stop()
      }
      rmSync(dataDir, { recursive: true })
    }
  }
}

/** Loads the whole history into an empty store, each repetition anew; the folders of the last one stay. */
async function batches(options: BenchOptions, workDir: string, results: Results): Promise<Map<PeerName, string>> {
  const workload = workloadOf(options.hours)
  const payloads = new Map<string, Payloads>()
  for (const { format } of options.peers) {
    if (!payloads.has(format)) payloads.set(format, renderPayloads(workDir, format, workload, 1000))
  }
  const dirs = new Map<PeerName, string>()
  const repetitions = options.parts.has('batch') ? options.repetitions : 1
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const peer of options.peers) {
      const dataDir = join(workDir, `batch-${peer.name}`)
      rmSync(dataDir, { recursive: true, force: true })
      dirs.set(peer.name, dataDir)
      const server = await startServer(peer, dataDir)
      try {
        const result = await measureBatches(server, payloads.get(peer.format)!, workload)
        results.batch[peer.name]!.push(result)
        say(`batch ${repetition + 1} ${peer.name}: ${Math.round(result.framesPerSecond)} frames/s`)
        if (repetition === repetitions - 1) await footprint(options, server, results)
      } finally {
        await server.stop()
      }
    }
  }
  return dirs
}

async function footprint(options: BenchOptions, server: Server, results: Results): Promise<void> {
  await untilAtRest(server)
  const settledMs = await untilDiskSettles(server.dataDir, options.quietSeconds * 1000)
  const disk = diskBytesOf(server.dataDir)
  results.footprint[server.peer.name] = { diskBytes: disk, settledMs, memory: memoryOf(server.pid) }
  say(`footprint ${server.peer.name}: ${(disk / 1e6).toFixed(1)} MB, settled in ${Math.round(settledMs / 1000)} s`)
}

async function queries(options: BenchOptions, dirs: Map<PeerName, string>, results: Results): Promise<void> {
  const workload = workloadOf(options.hours)
  const servers: Server[] = []
  try {
    for (const peer of options.peers) servers.push(await startServer(peer, dirs.get(peer.name)!))
    results.agreement = await compareAnswers(servers, workload)
    say(`agreement: ${results.agreement.compared} numbers, ${results.agreement.differences.length} differences`)
    for (const server of servers) await untilAtRest(server)
    results.query = await measureQueries(servers, workload, options.queryRepetitions, 5)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

await conduct({
  name: 'telemetry',
  options: benchOptions(process.argv.slice(2)),
  run,
  reportsOf: (results) => ({ telemetry: markdownOf(results) }),
})
