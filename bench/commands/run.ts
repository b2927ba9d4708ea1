import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { conduct, say } from '../harness/conduct.ts'
import { pinLoad } from '../harness/pinning.ts'
import { probeDisk } from './disk-probe.ts'
import { enginesIn } from './engines.ts'
import { type JobRates, measureJobs } from './jobs.ts'
import { type BenchOptions, benchOptions } from './options.ts'
import type { Mode, Peer } from './peers/peer.ts'
import { markdownOf } from './report.ts'
import { emptyResults, type Results } from './results.ts'
import { measureTrips } from './round-trip.ts'
import { tripMarkdownOf } from './trip-report.ts'
import type { TripSystem } from './trips/trip.ts'

interface Run {
  options: BenchOptions
  results: Results
  workDir: string
}

/** Runs the chosen parts, one system at a time, in turn within each repetition. */
async function run(options: BenchOptions, workDir: string): Promise<Results> {
  const results = emptyResults(options, await enginesIn(workDir, options.postgres).postgresSettings())
  const run: Run = { options, results, workDir }
  if (options.parts.has('jobs')) await jobs(run)
  // Last, for it leaves this process on one core.
  if (options.parts.has('round-trip')) await roundTrips(run)
  return results
}

async function jobs(run: Run): Promise<void> {
  const { options, results } = run
  for (let repetition = 0; repetition < options.repetitions; repetition += 1) {
    // There and back: no system always has the same one before it.
    const peers = repetition % 2 === 0 ? options.peers : options.peers.toReversed()
    for (const mode of options.modes) {
      for (const peer of peers) {
        const found = await jobsOf(run, peer, mode, join(run.workDir, `${peer.name}-${mode.batch}-${repetition}`))
        results.jobs[peer.name]!.push({ ...found, ...mode })
        const { addedPerSecond, donePerSecond } = found
        const rates = `${Math.round(addedPerSecond)} added, ${Math.round(donePerSecond)} done`
        say(`${repetition + 1} ${peer.name}, ${mode.clients} clients, ${mode.batch} at a time: ${rates} a second`)
      }
    }
  }
}

async function jobsOf({ options }: Run, peer: Peer, mode: Mode, dir: string): Promise<JobRates> {
  const engines = enginesIn(dir, options.postgres)
  try {
    const queue = await peer.open(engines, mode)
    try {
      return await measureJobs(queue, { ...options, ...mode })
    } finally {
      await queue.close()
    }
  } catch (cause) {
    throw new Error(`${peer.name}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  } finally {
    await engines.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function roundTrips(run: Run): Promise<void> {
  const { options, results, workDir } = run
  const found = results.roundTrip
  const systems = options.tripSystems.filter((system) => system.isHere())
  for (const { name } of options.tripSystems.filter((system) => !system.isHere())) say(`${name} is not installed`)
  found.settings.pinned = pinLoad()
  found.systems = systems.map(({ name, version, description }) => ({ name, version: version(), description }))
  for (let repetition = 0; repetition < options.repetitions; repetition += 1) {
    for (const system of repetition % 2 === 0 ? systems : systems.toReversed())
      await tripsOf(run, system, join(workDir, `${system.name}-${repetition}`))
    found.disk.push(probeDisk(workDir, probeSeconds))
  }
}

async function tripsOf({ options, results }: Run, system: TripSystem, dir: string): Promise<void> {
  const { settings, trips } = results.roundTrip
  const server = await system.start({ dir, pinned: settings.pinned })
  try {
    for (const trip of await measureTrips(server, options.trips)) {
      const of = trips[system.name] ?? []
      trips[system.name] = [...of, trip]
      const { inFlight, p50Ms, p99Ms, perSecond } = trip
      const times = `${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(1)} ms`
      say(`${system.name}, ${inFlight} in flight: ${times}, ${Math.round(perSecond)} a second`)
    }
  } catch (cause) {
    throw new Error(`${system.name}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  } finally {
    await server.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

const probeSeconds = 1

const options = benchOptions(process.argv.slice(2))
await conduct({
  name: 'commands',
  options,
  run,
  reportsOf: (results) => ({
    ...(options.parts.has('jobs') && { commands: markdownOf(results) }),
    ...(options.parts.has('round-trip') && { 'round-trip': tripMarkdownOf(results) }),
  }),
})
