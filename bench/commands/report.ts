import { machineText } from '../harness/machine.ts'
import { verdictTable } from '../harness/verdict.ts'
import { medianRate, type Results } from './results.ts'
import { fields, titleOf, verdictsOf } from './targets.ts'

export function markdownOf(results: Results): string {
  const { machine, settings, systems } = results
  const { repetitions, windowSeconds, backlog, postgres } = settings
  const intro = [
    `${results.at.slice(0, 10)}, ${machineText(machine)}; nothing pinned. Jobs of 200 bytes, every one durable;`,
    `medians of ${repetitions} repetitions in alternating order, windows of ${windowSeconds} s; ${whole(backlog)} jobs or more wait`,
    `when work begins. ${postgres}.`,
  ]
  const verdicts = verdictsOf(results)
  return [
    intro.join('\n'),
    systems.map(({ name, version, description }) => `- ${name} (${version}): ${description}`).join('\n'),
    ...jobTable(results),
    ...(verdicts.length > 0 ? [verdictTable(verdicts)] : []),
  ].join('\n\n')
}

function jobTable(results: Results): string[] {
  const names = results.systems.map(({ name }) => name)
  if (names.every((name) => results.jobs[name]!.length === 0)) return []
  const rows = results.settings.modes.flatMap((mode) =>
    fields.map((field) => {
      const cells = names.map((name) => whole(medianRate(results, name, mode, field)).replace('NaN', ''))
      return `| ${titleOf(mode, field)} | ${cells.join(' | ')} |`
    }),
  )
  return [[`| | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`, ...rows].join('\n')]
}

const whole = (value: number) => (Number.isNaN(value) ? 'NaN' : Math.round(value).toLocaleString('en'))
