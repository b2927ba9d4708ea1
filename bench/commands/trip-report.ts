import { machineText } from '../harness/machine.ts'
import { median } from '../harness/statistics.ts'
import { verdictTable } from '../harness/verdict.ts'
import { medianTrip, type Results, type RoundTrips } from './results.ts'
import type { Trip } from './round-trip.ts'
import { tripVerdictsOf } from './targets.ts'

/** What the part `round-trip` found. */
export function tripMarkdownOf({ at, machine, settings, roundTrip }: Results): string {
  const { idleDevices, windowSeconds, pinned } = roundTrip.settings
  const pinning = pinned ? 'every server on one core, its load on the other' : 'nothing pinned'
  const intro = [
    `${at.slice(0, 10)}, ${machineText(machine)}; ${pinning}.`,
    `${idleDevices.toLocaleString('en')} devices are connected beside those that are sent commands, one to each at a time.`,
    `Medians of ${settings.repetitions} repetitions in alternating order, windows of ${windowSeconds} s.`,
  ]
  const verdicts = tripVerdictsOf(roundTrip)
  return [
    intro.join('\n'),
    roundTrip.systems.map(({ name, version, description }) => `- ${name} (${version}): ${description}`).join('\n'),
    tripTable(roundTrip),
    diskLine(roundTrip),
    ...(verdicts.length > 0 ? [verdictTable(verdicts)] : []),
  ].join('\n\n')
}

function tripTable(found: RoundTrips): string {
  const names = found.systems.map(({ name }) => name)
  const rows = found.settings.inFlight.flatMap((inFlight) => {
    const row = (title: string, cell: (of: (field: keyof Trip) => number) => string) =>
      `| ${title} | ${names.map((name) => cell((field) => medianTrip(found, name, inFlight, field))).join(' | ')} |`
    return [
      row(`${inFlight} in flight: p50, p99 ms`, (of) => `${of('p50Ms').toFixed(2)}, ${of('p99Ms').toFixed(1)}`),
      row('commands/s', (of) => Math.round(of('perSecond')).toLocaleString('en')),
      row("µs of the server's processor for each", (of) => String(Math.round(of('serverMicrosEach')))),
      row('of a core, %: server, load', (of) => `${percent(of('serverCores'))}, ${percent(of('loadCores'))}`),
    ]
  })
  return [`| round trip | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`, ...rows].join('\n')
}

/** So that a reader can tell what is the disk's share. */
function diskLine(found: RoundTrips): string {
  const p50 = median(found.disk.map(({ p50Ms }) => p50Ms))
  const p99 = median(found.disk.map(({ p99Ms }) => p99Ms))
  const share = (2 * p50) / medianTrip(found, 'nexus', Math.min(...found.settings.inFlight), 'p50Ms')
  const ofTrip = Number.isNaN(share) ? '' : `, ${percent(share)} % of the round trip with one in flight`
  return [
    `The disk alone, in the same run: to write what a commit writes and to sync it takes ${p50.toFixed(2)} ms (p99 ${p99.toFixed(1)});`,
    `the two commits of a command so take ${(2 * p50).toFixed(2)} ms${ofTrip}.`,
  ].join('\n')
}

function percent(share: number): string {
  return String(Math.round(share * 100))
}
