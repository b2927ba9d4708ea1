import { machineText } from '../harness/machine.ts'
import { verdictTable } from '../harness/verdict.ts'
import { type Hostile, type Scenario, scenarios, scenarioTitles } from './hostile.ts'
import { idleKinds } from './idle-connections.ts'
import type { PeerName } from './peers/peer.ts'
import { casesOf, type Results } from './results.ts'
import { medianOf, titleOf, verdictsOf } from './targets.ts'

export function markdownOf(results: Results): string {
  const { machine, settings, systems } = results
  const names = systems.map((system) => system.name)
  const pinned = settings.pinned ? 'every server on one core, its load on the other' : 'nothing pinned'
  const intro = [
    `${results.at.slice(0, 10)}, ${machineText(machine)}; ${pinned}.`,
    'The next messages are published once all subscribers have those before.',
    `Medians of ${settings.repetitions} interleaved repetitions; windows of ${settings.windowSeconds} s.`,
  ]
  const verdicts = verdictsOf(results)
  return [
    intro.join('\n'),
    systems.map(({ name, version, description }) => `- ${name} (${version}): ${description}`).join('\n'),
    ...table('fan-out and size', names, [...fanOutRows(results, names), ...idleRows(results, names)]),
    ...(verdicts.length > 0 ? [verdictTable(verdicts)] : []),
    ...hostileTable(results),
  ].join('\n\n')
}

function fanOutRows(results: Results, names: PeerName[]): string[] {
  if (Object.values(results.fanOut).every((runs) => runs.length === 0)) return []
  return casesOf(results.settings).flatMap((one) => {
    const of = (field: Parameters<typeof medianOf>[3]) => (name: PeerName) => medianOf(results, name, one, field)
    const busy = (name: PeerName) => `${percent(of('serverCores')(name))}, ${percent(of('loadCores')(name))}`
    return [
      row(titleOf(one), names, (name) => whole(of('deliveriesPerSecond')(name))),
      row("µs of the server's processor for each", names, (name) => of('serverMicrosEach')(name).toFixed(2)),
      row('bytes of each', names, (name) => whole(of('bytesPerMessage')(name))),
      row('of a core, %: server, load', names, busy),
    ]
  })
}

function idleRows({ idle, settings }: Results, names: PeerName[]): string[] {
  if (Object.keys(idle).length === 0) return []
  const kib = (bytes = Number.NaN) => (bytes / 1024).toFixed(1)
  return idleKinds.map((kind) =>
    row(`KiB for each of ${whole(settings.idle)} idle connections, ${kind} (of them on the heap)`, names, (name) => {
      const found = idle[name]?.[kind]
      return `${kib(found?.rssBytesEach)} (${kib(found?.heapBytesEach)})`
    }),
  )
}

function hostileTable({ hostile, settings }: Results): string[] {
  const names = Object.keys(hostile) as PeerName[]
  const rows = scenarios.map((scenario) =>
    row(scenarioTitle(scenario, settings.idle), names, (name) => hostileCell(hostile[name]?.[scenario])),
  )
  const title =
    'in the way of a hundred subscribers: their deliveries/s, share of those without; most MB without, with, and MB after'
  return table(title, names, names.length === 0 ? [] : rows)
}

function hostileCell(found: Hostile | undefined): string {
  if (!found) return ''
  const { without, with: beside, after } = found.rssBytes
  const megabytes = [without, beside, after].map((bytes) => whole(bytes / 1e6))
  const share = (found.duringPerSecond / found.calmPerSecond).toFixed(2)
  return `${whole(found.duringPerSecond)}, ${share}; ${megabytes.join(', ')}`
}

function scenarioTitle(scenario: Scenario, idle: number): string {
  return `${scenario.startsWith('idle') ? `${whole(idle)} ` : ''}${scenarioTitles[scenario]}`
}

function table(first: string, names: PeerName[], rows: string[]): string[] {
  if (rows.length === 0) return []
  return [[`| ${first} | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`, ...rows].join('\n')]
}

function row(title: string, names: PeerName[], cell: (name: PeerName) => string): string {
  return `| ${title} | ${names.map((name) => cell(name).replace(/^.*NaN.*$/, '')).join(' | ')} |`
}

const whole = (value: number) => (Number.isNaN(value) ? 'NaN' : Math.round(value).toLocaleString('en'))
const percent = (share: number) => whole(share * 100)
