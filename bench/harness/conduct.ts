import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeDocs, writeResults } from './publish.ts'

export interface Benchmark<Options, Results> {
  /** Beside which folder its results are kept. */
  name: string
  options: Options & { workDir: string | undefined; writeDocs: boolean }
  run(options: Options, workDir: string): Promise<Results>
  /** By the markers in `docs/benchmarks.md` between which each stands. */
  reportsOf(results: Results): Record<string, string>
}

export const say = (line: string) => console.error(line)

/**
 * Runs a benchmark in a folder that goes with it, prints its reports, keeps its results, and rewrites the document if asked.
 */
export async function conduct<Options, Results extends { at: string }>({
  name,
  options,
  run,
  reportsOf,
}: Benchmark<Options, Results>): Promise<void> {
  if (options.workDir) mkdirSync(options.workDir, { recursive: true })
  const workDir = mkdtempSync(join(options.workDir ?? tmpdir(), 'nexus-bench-'))
  try {
    const results = await run(options, workDir)
    const reports = Object.entries(reportsOf(results))
    for (const [, report] of reports) console.log(`${report}\n`)
    say(`written: ${writeResults(name, results)}`)
    if (options.writeDocs) for (const [markers, report] of reports) say(`rewritten: ${writeDocs(markers, report)}`)
  } finally {
    rmSync(workDir, { recursive: true, force: true })
  }
}
