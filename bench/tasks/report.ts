import { machineText } from '../harness/machine.ts'
import { median } from '../harness/statistics.ts'
import { verdictTable } from '../harness/verdict.ts'
import type { Dispatched } from './dispatch.ts'
import { type Measure, measures, medianOf, type Results } from './results.ts'
import { verdictsOf } from './targets.ts'

const titles: Record<Measure, (together: string) => string> = {
  steady: () => '20 runs/s, each due at once',
  saturated: () => '32 clients, each with one run at a time',
  together: (together) => `${together} runs due at one instant`,
  schedules: (together) => `${together} schedules due at one instant`,
}
const columns: Record<Measure, (keyof Dispatched)[]> = {
  steady: ['p50Ms', 'p95Ms', 'p99Ms'],
  saturated: ['p50Ms', 'p95Ms', 'p99Ms', 'runsPerSecond'],
  together: ['p50Ms', 'p99Ms', 'lastMs'],
  schedules: ['p50Ms', 'p99Ms', 'lastMs'],
}
const labels: Record<keyof Dispatched, string> = {
  p50Ms: 'p50, ms',
  p95Ms: 'p95, ms',
  p99Ms: 'p99, ms',
  lastMs: 'last, ms',
  runsPerSecond: 'runs/s',
}

export function markdownOf(results: Results): string {
  const { machine, settings, systems, memory } = results
  const { repetitions, windowSeconds, postgres } = settings
  const intro = [
    `${results.at.slice(0, 10)}, ${machineText(machine)}; nothing pinned. From when a run is due to the start of its handler; medians of`,
    `${repetitions} repetitions in alternating order, windows of ${windowSeconds} s. Nothing was lost, and nothing started twice. ${postgres}.`,
  ]
  const verdicts = verdictsOf(results)
  return [
    intro.join('\n'),
    systems.map(({ name, version, description }) => `- ${name} (${version}): ${description}`).join('\n'),
    ...measures.flatMap((measure) => tableOf(results, measure)),
    ...(memory.length > 0 ? [memoryText(results)] : []),
    ...(verdicts.length > 0 ? [verdictTable(verdicts)] : []),
  ].join('\n\n')
}

function tableOf(results: Results, measure: Measure): string[] {
  const names = results.systems
    .map(({ name }) => name)
    .filter((name) => (results.found[measure][name] ?? []).length > 0)
  if (names.length === 0) return []
  const title = titles[measure](whole(results.settings.together))
  const rows = columns[measure].map((field) => {
    const cells = names.map((name) => shown(medianOf(results, measure, name, field), field))
    return `| ${labels[field]} | ${cells.join(' | ')} |`
  })
  return [[`| ${title} | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`, ...rows].join('\n')]
}

function memoryText({ memory }: Results): string {
  const bytes = median(memory.map(({ bytesEach }) => bytesEach))
  const each = bytes < 1 ? 'nothing that could be measured' : `${whole(bytes)} bytes`
  return `A schedule that is not due takes ${each} of the server's memory (${whole(memory[0]!.schedules)} of them, after a restart).`
}

function shown(value: number, field: keyof Dispatched): string {
  return field === 'runsPerSecond' || value >= 100 ? whole(value) : value.toFixed(1)
}

const whole = (value: number) => Math.round(value).toLocaleString('en')
