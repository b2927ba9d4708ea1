import type { CommandCategory, EventType, OperationId, RunCause, RunStatus } from '@nexus/contract'
import { pino } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Config } from './config.ts'
import { RequestStats, seconds } from './request-stats.ts'

export type Log = ReturnType<typeof createLog>

/** Structured logs on standard output. Whatever could hold a secret is blotted out by its name. */
export function createLog(level: Config['logLevel']) {
  const secrets = ['authorization', 'token', 'key', 'secret', 'password', 'apiKey', 'adminKey']
  return pino({ level, redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' } })
}

/** A query string can carry a token; logs show that there was one. */
export function redactUrl(url: string): string {
  return url.replace(/([?&](?:token|ticket|key|api_key|access_token)=)[^&#]*/gi, '$1[redacted]')
}

export type Metrics = ReturnType<typeof createMetrics>

/** What `/metrics` shows, in Prometheus' format. */
export function createMetrics(read: {
  depth(): { frames: number; bytes: number; oldestAt: number | undefined }
  dirtyHours(): number
  rollUpsInMemory(): { bytes: number; complete: boolean }
  devicesReceiving(): number
  now(): number
}) {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new RequestStats()
  requests.register(registry)
  const queries = new Histogram({
    name: 'nexus_query_duration_seconds',
    help: 'Time of one query of the telemetry store',
    buckets: seconds,
    registers,
  })
  const drains = new Histogram({
    name: 'nexus_drain_duration_seconds',
    help: 'Time to move one batch from the ingest log into the store',
    buckets: seconds,
    registers,
  })
  const drained = new Counter({
    name: 'nexus_drained_frames_total',
    help: 'Frames moved from the ingest log into the store',
    registers,
  })
  const drainFrames = new Gauge({
    name: 'nexus_drain_batch_frames',
    help: 'Frames in the last drained batch',
    registers,
  })
  const connections = new Gauge({
    name: 'nexus_connections',
    help: 'Connections that stay open: event streams and WebSockets',
    labelNames: ['transport'],
    registers,
  })
  const commands = new Counter({
    name: 'nexus_commands_total',
    help: 'Commands by what has become of them: submitted, started, completed, failed, timeout, cancelled',
    labelNames: ['category', 'event'],
    registers,
  })
  const commandTimes = new Histogram({
    name: 'nexus_command_duration_seconds',
    help: 'Time of a command from its submission to its end',
    labelNames: ['category'],
    buckets: seconds,
    registers,
  })
  const runs = new Counter({
    name: 'nexus_runs_total',
    help: 'Runs of tasks by what has become of them: started, completed, failed, timeout, cancelled, skipped, missed',
    labelNames: ['cause', 'event'],
    registers,
  })
  const dispatches = new Histogram({
    name: 'nexus_run_dispatch_seconds',
    help: 'Time of a run from when it was due to the start of its first attempt',
    labelNames: ['cause'],
    buckets: seconds,
    registers,
  })
  const runTimes = new Histogram({
    name: 'nexus_run_duration_seconds',
    help: 'Time of a run from the start of its first attempt to its end',
    labelNames: ['cause'],
    buckets: seconds,
    registers,
  })
  gauge('nexus_devices_receiving', 'Devices that receive commands over a connection', read.devicesReceiving)
  gauge('nexus_ingest_log_frames', 'Accepted frames that are not yet in the store', () => read.depth().frames)
  gauge('nexus_ingest_log_bytes', 'Their size', () => read.depth().bytes)
  gauge('nexus_ingest_log_age_seconds', 'How long the oldest of them has waited', () => {
    const { oldestAt } = read.depth()
    return oldestAt === undefined ? 0 : Math.max(0, read.now() - oldestAt) / 1000
  })
  gauge('nexus_rollup_memory_bytes', 'Roll-ups in memory', () => read.rollUpsInMemory().bytes)
  gauge('nexus_rollup_memory_complete', '1 when all roll-ups that fit have been read into memory', () =>
    Number(read.rollUpsInMemory().complete),
  )
  gauge('nexus_rollup_dirty_hours', 'Device hours that are read from raw points', () => read.dirtyHours())

  function gauge(name: string, help: string, value: () => number) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observeRequest: (operation: OperationId | 'none', code: number, took: number) =>
      requests.observe(operation, code, took),
    countConnection: (transport: 'sse' | 'websocket', change: 1 | -1) => connections.inc({ transport }, change),
    observeQuery: (took: number) => queries.observe(took),
    observeCommand(type: EventType, category: CommandCategory, ms: number) {
      const event = type.slice('command.'.length)
      if (event !== 'progress') commands.inc({ category, event })
      if (!['submitted', 'started', 'progress'].includes(event)) commandTimes.observe({ category }, ms / 1000)
    },
    observeRun(what: 'started' | RunStatus, cause: RunCause, ms: number) {
      runs.inc({ cause, event: what })
      if (what === 'started') dispatches.observe({ cause }, ms / 1000)
      else if (what !== 'skipped' && what !== 'missed') runTimes.observe({ cause }, ms / 1000)
    },
    observeDrain(frames: number, ms: number) {
      drains.observe(ms / 1000)
      drained.inc(frames)
      drainFrames.set(frames)
    },
  }
}
