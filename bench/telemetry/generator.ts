/** The workload: every host reports every metric at every step. Values walk at random, with one decimal. */
export interface Workload {
  hosts: number
  steps: number
}

export interface HostFrame {
  host: Host
  atMs: number
  /** In tenths, in the order of `metrics`. */
  tenths: readonly number[]
}

export interface Host {
  device_id: string
  environment: string
  region: string
  service: string
}

export const metrics = [
  'cpu_usage',
  'memory_usage',
  'disk_usage',
  'disk_read_mb_s',
  'disk_write_mb_s',
  'net_receive_mb_s',
  'net_send_mb_s',
  'load_1m',
  'temperature_c',
  'network_latency_ms',
] as const

export const stepMs = 10_000
/** Fixed, so that every run loads the same bytes; in the past by any clock, because the future is refused. */
export const startMs = Date.parse('2025-10-06T00:00:00Z')
export const regions = 10

export const endMs = (workload: Workload) => startMs + workload.steps * stepMs

export function workloadOf(hours: number, hosts = 100): Workload {
  return { hosts, steps: Math.round((hours * 3_600_000) / stepMs) }
}

export function hostNamed(index: number): Host {
  return {
    device_id: `host-${String(index).padStart(3, '0')}`,
    environment: index % 4 === 0 ? 'staging' : 'production',
    region: `region-${index % regions}`,
    service: `service-${index % 5}`,
  }
}

/** Every frame in order of time, then host; the same for the same seed. A yielded frame is valid until the next. */
export function* framesOf(workload: Workload, seed = 1): Generator<HostFrame> {
  const random = randomFrom(seed)
  const hosts = Array.from({ length: workload.hosts }, (_, index) => hostNamed(index))
  const walks = hosts.map(() => metrics.map(() => Math.floor(random() * 1000)))
  for (let step = 0; step < workload.steps; step += 1) {
    const atMs = startMs + step * stepMs
    for (const [index, host] of hosts.entries()) {
      const tenths = walks[index]!
      for (let metric = 0; metric < tenths.length; metric += 1) tenths[metric] = walked(tenths[metric]!, random)
      yield { host, atMs, tenths }
    }
  }
}

/** Deterministic numbers in [0, 1) (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Steps of up to one unit, reflected at 0 and 100. */
function walked(tenths: number, random: () => number): number {
  const next = tenths + Math.floor(random() * 21) - 10
  return next < 0 ? -next : next > 1000 ? 2000 - next : next
}
