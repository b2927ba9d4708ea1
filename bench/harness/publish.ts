import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const docsFile = join(import.meta.dirname, '../../docs/benchmarks.md')

/** Writes what a run found as JSON beside its benchmark and names the file. */
export function writeResults(benchmark: string, results: { at: string }): string {
  const dir = join(import.meta.dirname, '..', benchmark, 'results')
  mkdirSync(dir, { recursive: true })
  const file = join(dir, `${results.at.replace(/[:.]/g, '-')}.json`)
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  return file
}

/** Puts a report between the markers of its benchmark in `docs/benchmarks.md`, which must have them. */
export function writeDocs(benchmark: string, report: string): string {
  writeFileSync(docsFile, replaceBetween(benchmark, readFileSync(docsFile, 'utf8'), report))
  return docsFile
}

export function replaceBetween(benchmark: string, page: string, report: string): string {
  const markers = [`<!-- ${benchmark} benchmark: begin -->`, `<!-- ${benchmark} benchmark: end -->`] as const
  const [begin, end] = markers.map((marker) => page.indexOf(marker))
  if (begin === -1 || end! < begin!) throw new Error(`the page needs the lines ${markers.join(' and ')}`)
  return `${page.slice(0, begin! + markers[0].length)}\n${report}\n${page.slice(end)}`
}
