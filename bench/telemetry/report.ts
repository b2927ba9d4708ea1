import { machineText } from '../harness/machine.ts'
import { median } from '../harness/statistics.ts'
import { verdictTable } from '../harness/verdict.ts'
import type { PeerName } from './peers/peer.ts'
import { queryNames, queryTitles } from './queries.ts'
import type { Results } from './results.ts'
import { verdictsOf } from './targets.ts'

export function markdownOf(results: Results): string {
  const { machine, settings } = results
  const names = results.systems.map((system) => system.name)
  const header = (first: string) => [`| ${first} | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`]
  const intro = [
    `${results.at.slice(0, 10)}, ${machineText(machine)}; nothing pinned.`,
    `100 hosts × 10 metrics × ${settings.hours} h in steps of 10 s. Medians of ${settings.repetitions} interleaved`,
    `repetitions; one-frame windows of ${settings.windowSeconds} s; ${settings.queryRepetitions} of each query, p50, p99.`,
  ]
  const systems = results.systems.map(({ name, version, durability }) => `- ${name} (${version}): ${durability}`)
  const verdicts = verdictsOf(results)
  return [
    intro.join('\n'),
    systems.join('\n'),
    [...header('writes and size'), ...writeRows(results, names)].join('\n'),
    ...(results.query ? [[...header('query, ms'), ...queryRows(results, names)].join('\n')] : []),
    ...(results.agreement ? [agreementLine(results.agreement)] : []),
    ...(verdicts.length > 0 ? [verdictTable(verdicts)] : []),
  ].join('\n\n')
}

function writeRows(results: Results, names: PeerName[]): string[] {
  const row = (title: string, cell: (name: PeerName) => string) =>
    `| ${title} | ${names.map((name) => cell(name).replace(/^.*NaN.*$/, '')).join(' | ')} |`
  const single = (name: PeerName, of: 'requestsPerSecond' | 'p50Ms' | 'p99Ms') =>
    median((results.single[name] ?? []).map((one) => one[of]))
  const batch = (name: PeerName, of: 'framesPerSecond' | 'drainedFramesPerSecond' | 'p50Ms' | 'p99Ms') =>
    median((results.batch[name] ?? []).map((one) => one[of]))
  const peak = (name: PeerName) => median((results.batch[name] ?? []).map((one) => one.peak.rssBytes))
  const points = 100 * 10 * settingsSteps(results)
  return [
    row('one frame a request: requests/s', (name) => whole(single(name, 'requestsPerSecond'))),
    row('p50, p99 ms', (name) => `${ms(single(name, 'p50Ms'))}, ${ms(single(name, 'p99Ms'))}`),
    row('a thousand frames a request: frames/s', (name) => whole(batch(name, 'framesPerSecond'))),
    row('p50, p99 ms', (name) => `${ms(batch(name, 'p50Ms'))}, ${ms(batch(name, 'p99Ms'))}`),
    row('until all can be queried: frames/s', (name) => whole(batch(name, 'drainedFramesPerSecond'))),
    row('bytes a point on disk', (name) => ((results.footprint[name]?.diskBytes ?? Number.NaN) / points).toFixed(2)),
    row('disk at rest after, s', (name) => whole((results.footprint[name]?.settledMs ?? Number.NaN) / 1000)),
    row('memory, peak of the load, MB', (name) => whole(peak(name) / 1e6)),
    row('memory at rest, MB (without mapped files)', (name) => memoryAtRest(results, name)),
  ]
}

function memoryAtRest(results: Results, name: PeerName): string {
  const memory = results.footprint[name]?.memory
  return memory ? `${whole(memory.rssBytes / 1e6)} (${whole(memory.anonymousBytes / 1e6)})` : ''
}

function queryRows(results: Results, names: PeerName[]): string[] {
  return queryNames.map((query) => {
    const cells = names.map((name) => {
      const found = results.query?.[query][name]
      return found ? `${ms(found.p50Ms)}, ${ms(found.p99Ms)}` : ''
    })
    return `| ${query}: ${queryTitles[query]} | ${cells.join(' | ')} |`
  })
}

function agreementLine({ compared, differences }: NonNullable<Results['agreement']>): string {
  if (differences.length === 0) return `The answers agree: ${compared} numbers compared.`
  return ['**The answers differ:**', ...differences.map((difference) => `- ${difference}`)].join('\n')
}

const settingsSteps = (results: Results) => (results.settings.hours * 3600) / 10
const whole = (value: number) => (Number.isNaN(value) ? 'NaN' : Math.round(value).toLocaleString('en'))
const ms = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(1))
