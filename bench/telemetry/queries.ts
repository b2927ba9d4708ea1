import { endMs, hostNamed, metrics, randomFrom, regions, startMs, type Workload } from './generator.ts'

export const queryNames = ['q1', 'q2', 'q3', 'q4', 'q5', 'q6'] as const
export type QueryName = (typeof queryNames)[number]

export const queryTitles: Record<QueryName, string> = {
  q1: '1 host, 1 metric, 1 h by 1 m, avg',
  q2: '8 hosts, 5 metrics, 12 h by 5 m, max',
  q3: 'all hosts, 1 metric, the whole history by 1 h, avg by host',
  q4: 'last point of every metric of every host',
  q5: '1 host, all metrics, 12 h by 1 m, avg',
  q6: 'tag filter, 1 metric, 12 h by 5 m, avg over all that match',
}

/** What a query asks, in no system's language; a missing filter means all. */
export interface Query {
  name: QueryName
  metrics: readonly string[]
  hosts?: readonly string[]
  region?: string
  fromMs: number
  toMs: number
  aggregation: 'avg' | 'max' | 'last'
  intervalMs: number
  byHost: boolean
}

/** One number of an answer, by host (`*` for all), metric and start of the bucket (0 for the last point). */
export type Points = Map<string, number>

export const pointKey = (host: string, metric: string, atMs: number) => `${host} ${metric} ${atMs}`

const minuteMs = 60_000
const hourMs = 3_600_000

/** The same hosts and windows in the same order for every system. */
export function queriesOf(name: QueryName, workload: Workload, count: number): Query[] {
  const random = randomFrom(name.charCodeAt(1) * 7919)
  return Array.from({ length: count }, () => queryOf(name, workload, random))
}

function queryOf(name: QueryName, workload: Workload, random: () => number): Query {
  const some = <T>(all: readonly T[], count: number) => sample(all, count, random)
  const names = Array.from({ length: workload.hosts }, (_, index) => hostNamed(index).device_id)
  const window = (hours: number) => windowOf(workload, hours * hourMs, random)
  const all = { fromMs: startMs, toMs: endMs(workload) }
  switch (name) {
    case 'q1':
      return { name, ...window(1), hosts: some(names, 1), metrics: some(metrics, 1), ...by('avg', 1) }
    case 'q2':
      return { name, ...window(12), hosts: some(names, 8), metrics: some(metrics, 5), ...by('max', 5) }
    case 'q3':
      return { name, ...all, metrics: some(metrics, 1), ...by('avg', 60) }
    case 'q4':
      return { name, ...all, metrics, ...by('last', 0) }
    case 'q5':
      return { name, ...window(12), hosts: some(names, 1), metrics, ...by('avg', 1) }
    case 'q6': {
      const region = `region-${Math.floor(random() * regions)}`
      return { name, ...window(12), region, metrics: some(metrics, 1), ...by('avg', 5), byHost: false }
    }
    default:
      return name satisfies never
  }
}

function by(aggregation: Query['aggregation'], minutes: number) {
  return { aggregation, intervalMs: minutes * minuteMs, byHost: true }
}

/** A window that begins on a multiple of five minutes and lies within the history. */
function windowOf(workload: Workload, wishedMs: number, random: () => number): { fromMs: number; toMs: number } {
  const lengthMs = Math.min(wishedMs, workload.steps * 10_000)
  const room = endMs(workload) - startMs - lengthMs
  const fromMs = startMs + Math.floor((random() * room) / (5 * minuteMs)) * 5 * minuteMs
  return { fromMs, toMs: fromMs + lengthMs }
}

function sample<T>(all: readonly T[], count: number, random: () => number): T[] {
  const rest = [...all]
  return Array.from({ length: Math.min(count, rest.length) }, () => {
    return rest.splice(Math.floor(random() * rest.length), 1)[0]!
  })
}
