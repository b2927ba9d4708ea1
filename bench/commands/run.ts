import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeDocs, writeResults } from '../harness/publish.ts'
import { enginesIn } from './engines.ts'
import { type JobRates, measureJobs } from './jobs.ts'
import { type BenchOptions, benchOptions } from './options.ts'
import type { Mode, Peer } from './peers/peer.ts'
import { markdownOf } from './report.ts'
import { emptyResults, type Results } from './results.ts'

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

const say = (line: string) => console.error(line)

const options = benchOptions(process.argv.slice(2))
if (options.workDir) mkdirSync(options.workDir, { recursive: true })
const workDir = mkdtempSync(join(options.workDir ?? tmpdir(), 'nexus-bench-'))
try {
  const results = await run(options, workDir)
  const report = markdownOf(results)
  console.log(report)
  say(`written: ${writeResults('commands', results)}`)
  if (options.writeDocs) say(`rewritten: ${writeDocs('commands', report)}`)
} finally {
  rmSync(workDir, { recursive: true, force: true })
}
