import { join } from 'node:path'
import { conduct, say } from '../harness/conduct.ts'
import { pinLoad } from '../harness/pinning.ts'
import { measureFanOut } from './fan-out.ts'
import { measureHostile, scenarios } from './hostile.ts'
import { idleKinds, measureIdle } from './idle-connections.ts'
import { type BenchOptions, benchOptions } from './options.ts'
import type { Peer, Server } from './peers/peer.ts'
import { startServer } from './peers/start-server.ts'
import { markdownOf } from './report.ts'
import { casesOf, emptyResults, type Results } from './results.ts'

interface Run {
  options: BenchOptions
  results: Results
  /** Starts a system anew, and ends it when `use` has ended. */
  within(peer: Peer, use: (server: Server) => Promise<void>): Promise<void>
}

/** Runs the chosen parts, one system at a time, in turn within each repetition. */
async function run(options: BenchOptions, workDir: string): Promise<Results> {
  const results = emptyResults(options)
  const pinned = pinLoad()
  results.settings.pinned = pinned
  const within: Run['within'] = async (peer, use) => {
    const server = await startServer(peer, join(workDir, peer.name), pinned)
    try {
      await use(server)
    } catch (cause) {
      throw new Error(`${peer.name}: ${cause instanceof Error ? cause.message : cause}`, { cause })
    } finally {
      await server.stop()
    }
  }
  const run: Run = { options, results, within }
  if (options.parts.has('fan-out')) await fanOuts(run)
  if (options.parts.has('idle')) await idle(run)
  if (options.parts.has('hostile')) await hostile(run)
  return results
}

async function fanOuts({ options, results, within }: Run): Promise<void> {
  for (let repetition = 0; repetition < options.repetitions; repetition += 1) {
    for (const { subscribers, batch } of casesOf(options)) {
      for (const peer of options.peers) {
        await within(peer, async (server) => {
          const found = await measureFanOut(server, { ...options, subscribers, batch })
          results.fanOut[peer.name]!.push(found)
          const rate = Math.round(found.deliveriesPerSecond)
          say(`${repetition + 1} ${peer.name} to ${subscribers}, ${batch} at once: ${rate} deliveries/s`)
        })
      }
    }
  }
}

async function idle({ options, results, within }: Run): Promise<void> {
  for (const peer of options.peers) {
    const found: Results['idle'][typeof peer.name] = {}
    results.idle[peer.name] = found
    for (const kind of idleKinds) {
      await within(peer, async (server) => {
        const one = await measureIdle(server, options.idle, kind)
        found[kind] = one
        say(`${kind} ${peer.name}: ${Math.round(one.rssBytesEach)} bytes a connection`)
      })
    }
  }
}

async function hostile({ options, results, within }: Run): Promise<void> {
  for (const peer of options.peers.filter((peer) => peer.floodOf)) {
    const found: Results['hostile'][typeof peer.name] = {}
    results.hostile[peer.name] = found
    for (const scenario of scenarios) {
      await within(peer, async (server) => {
        const one = await measureHostile(server, scenario, { ...options, batch: Math.max(...options.batches) })
        found[scenario] = one
        const { calmPerSecond, duringPerSecond } = one
        say(
          `${scenario} ${peer.name}: ${Math.round(duringPerSecond)} deliveries/s, ${Math.round(calmPerSecond)} without`,
        )
      })
    }
  }
}

await conduct({
  name: 'stream',
  options: benchOptions(process.argv.slice(2)),
  run,
  reportsOf: (results) => ({ stream: markdownOf(results) }),
})
