import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { enginesIn } from '../commands/engines.ts'
import { conduct, say } from '../harness/conduct.ts'
import { type Delays, measureDueTogether, measureSaturated, measureSchedules, measureSteady } from './dispatch.ts'
import { measureMemory } from './memory.ts'
import { type BenchOptions, benchOptions } from './options.ts'
import type { Peer, RunQueue } from './peers/peer.ts'
import { markdownOf } from './report.ts'
import { emptyResults, type Measure, measures, type Results } from './results.ts'

type Measured = (queue: RunQueue, options: BenchOptions) => Promise<Delays | undefined>

const measuring: Record<Measure, Measured> = {
  steady: (queue, { windowSeconds }) => measureSteady(queue, windowSeconds),
  saturated: (queue, { windowSeconds }) => measureSaturated(queue, windowSeconds),
  together: (queue, { together, leadMs }) => measureDueTogether(queue, together, leadMs),
  schedules: (queue, { together }) => measureSchedules(queue, together),
}

const bursts: ReadonlySet<Measure> = new Set(['together', 'schedules'])

/** Runs the chosen parts, one system at a time, in turn within each repetition, each on an empty engine. */
async function run(options: BenchOptions, workDir: string): Promise<Results> {
  const results = emptyResults(options, await enginesIn(workDir, options.postgres).postgresSettings())
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    // There and back: no system always has the same one before it.
    const peers = repetition % 2 === 0 ? options.peers : options.peers.toReversed()
    for (const measure of measures.filter((one) => options.parts.has(one)))
      for (const peer of peers) {
        const found = await measureOne(options, peer, measure, join(workDir, `${peer.name}-${measure}-${repetition}`))
        if (!found) continue
        const of = results.found[measure]
        of[peer.name] = [...(of[peer.name] ?? []), found]
        const { p50Ms, p99Ms, lastMs } = found
        say(`${repetition + 1} ${measure}, ${peer.name}: p50 ${p50Ms} ms, p99 ${p99Ms} ms, last ${lastMs} ms`)
      }
    if (options.parts.has('memory')) {
      const memory = await measureMemory(join(workDir, `memory-${repetition}`), options.idle)
      results.memory.push(memory)
      say(`${repetition + 1} memory: ${Math.round(memory.bytesEach)} bytes for each of ${memory.schedules} schedules`)
    }
  }
  return results
}

async function measureOne(
  options: BenchOptions,
  peer: Peer,
  measure: Measure,
  dir: string,
): Promise<Delays | undefined> {
  const engines = enginesIn(dir, options.postgres)
  try {
    const queue = await peer.open(engines, bursts.has(measure))
    try {
      return await measuring[measure](queue, options)
    } finally {
      await queue.close()
    }
  } catch (cause) {
    throw new Error(`${measure}, ${peer.name}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  } finally {
    await engines.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

await conduct({
  name: 'tasks',
  options: benchOptions(process.argv.slice(2)),
  run,
  reportsOf: (results) => ({ tasks: markdownOf(results) }),
})
