import { parseKey } from '@nexus/contract'
import { cidrList } from './cidr-list.ts'
import { choice, flag, integer, type Key, rateLimits, text } from './key-kinds.ts'
import { originList } from './origin-list.ts'

/**
 * Every configuration key, once: its meaning, default, unit and bounds. `futureLimitSeconds` is NEXUS_FUTURE_LIMIT_SECONDS
 * in the environment and `future_limit_seconds` in nexus.yaml.
 */
export const configKeys = {
  host: text({ default: '127.0.0.1', unit: 'address or name', description: 'Where to listen' }),
  port: integer({
    default: 8420,
    unit: 'port',
    minimum: 0,
    maximum: 65_535,
    description: 'Where to listen; 0 takes any free port',
  }),
  dataDir: text({
    default: './data',
    unit: 'directory',
    description: 'Everything that Nexus keeps: `state.db`, `telemetry/`, `admin.key`, `master.key`',
  }),
  adminKey: text({
    default: undefined,
    unit: 'API key',
    secret: true,
    description: 'The first admin key; unset: made at the first start, printed once and kept in `admin.key`',
    check: (key) => (parseKey(key) ? undefined : 'is not an API key: make one with `nexus keys generate`'),
  }),
  stateUrl: text({
    default: undefined,
    unit: 'postgres:// URL',
    secret: true,
    description: 'PostgreSQL for the state instead of SQLite',
    check: (url) => (/^postgres(ql)?:\/\/\S+$/.test(url) ? undefined : 'must be a postgres:// URL'),
  }),
  redisUrl: text({
    default: undefined,
    unit: 'redis:// URL',
    secret: true,
    description: 'Redis or Valkey, where the nodes of an installation count rate limits together',
    check: (url) => (/^rediss?:\/\/\S+$/.test(url) ? undefined : 'must be a redis:// or rediss:// URL'),
  }),
  redisPrefix: text({
    default: 'nexus',
    unit: 'text',
    description: 'What every key in Redis begins with; one for each installation, where several share a Redis',
  }),
  rateLimits: rateLimits({
    description:
      'For each key: `default`, `off`, or a list such as `telemetry=1000,command=100`; the rest keep defaults',
  }),
  tlsCert: text({ default: undefined, unit: 'PEM file', description: 'Serve TLS 1.3 with this certificate chain' }),
  tlsKey: text({ default: undefined, unit: 'PEM file', description: 'The private key of `tls_cert`' }),
  insecure: flag({
    default: false,
    description: 'Allow plain http on an address other than loopback, as behind a proxy that ends TLS',
  }),
  corsOrigins: originList({
    description:
      'Where pages come from that may call from a browser, such as `https://app.example.com,http://localhost:5173`; `*`: anywhere',
  }),
  logLevel: choice({
    default: 'info',
    of: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    description: 'The least severe message that is logged',
  }),
  futureLimitSeconds: integer({
    default: 600,
    unit: 'seconds',
    minimum: 0,
    maximum: 31_536_000,
    description: 'How far ahead of the clock of the server a frame may be',
  }),
  pointsPerMinute: integer({
    default: 0,
    unit: 'points a minute',
    minimum: 0,
    maximum: 1_000_000_000,
    description: 'How many points a key may send; 0: any number',
  }),
  rollupQuietSeconds: integer({
    default: 120,
    unit: 'seconds',
    minimum: 1,
    maximum: 86_400,
    description: 'How long a span of time must have been quiet before it is rolled up',
  }),
  queryTimeoutSeconds: integer({
    default: 30,
    unit: 'seconds',
    minimum: 1,
    maximum: 3600,
    description: 'How long a telemetry query may run before it is answered with TIMEOUT',
  }),
  queryMemoryMb: integer({
    default: 2048,
    unit: 'MiB',
    minimum: 256,
    maximum: 1_048_576,
    description: 'How much memory the column store may take for one query; one that needs more is refused',
  }),
  queryConcurrency: integer({
    default: 8,
    unit: 'queries',
    minimum: 1,
    maximum: 256,
    description: 'How many telemetry queries run at once; others wait',
  }),
  queryCacheMb: integer({
    default: 256,
    unit: 'MiB',
    minimum: 0,
    maximum: 65_536,
    description: 'Memory for roll-ups that queries are answered from, newest first; 0: none',
  }),
  ingestLogMb: integer({
    default: 1024,
    unit: 'MiB',
    minimum: 1,
    maximum: 1_048_576,
    description: 'How much accepted telemetry may wait for the column store before more is answered with 503',
  }),
  repeatsMax: integer({
    default: 2_000_000,
    unit: 'answers',
    minimum: 1,
    maximum: 1_000_000_000,
    description:
      'How many answers are kept for frames and batches that are sent again, for a day at most; each takes about 300 bytes',
  }),
  latestSeriesMax: integer({
    default: 1_000_000,
    unit: 'series',
    minimum: 1,
    maximum: 100_000_000,
    description: 'How many series keep their last value in memory',
  }),
  deviceSeriesMax: integer({
    default: 10_000,
    unit: 'series',
    minimum: 1,
    maximum: 1_000_000,
    description:
      'How many metrics, those inside of objects counted, one device may have; a frame that brings more is refused',
  }),
  offlineAfterSeconds: integer({
    default: 300,
    unit: 'seconds',
    minimum: 1,
    maximum: 31_536_000,
    description: 'How long a device without a connection may send no frame before it counts as offline',
  }),
  eventsKeepDays: integer({
    default: 7,
    unit: 'days',
    minimum: 1,
    maximum: 3650,
    description: 'How long events are kept, those of frames aside',
  }),
  commandsKeepDays: integer({
    default: 30,
    unit: 'days',
    minimum: 1,
    maximum: 3650,
    description: 'How long commands are kept after their end',
  }),
  runsKeepDays: integer({
    default: 30,
    unit: 'days',
    minimum: 1,
    maximum: 3650,
    description: 'How long runs of tasks are kept after their end',
  }),
  eventsMax: integer({
    default: 1_000_000,
    unit: 'events',
    minimum: 1000,
    maximum: 1_000_000_000,
    description: 'How many events are kept, those of frames aside; beyond, the oldest go before their time',
  }),
  frameEventsKeepMinutes: integer({
    default: 10,
    unit: 'minutes',
    minimum: 1,
    maximum: 1440,
    description: 'How long the events of frames stay in memory, for streams that are resumed',
  }),
  frameEventsMax: integer({
    default: 100_000,
    unit: 'frames',
    minimum: 1,
    maximum: 10_000_000,
    description: 'How many events of frames stay in memory at most',
  }),
  frameEventsMb: integer({
    default: 128,
    unit: 'MiB',
    minimum: 1,
    maximum: 65_536,
    description: 'About how much memory the events of frames may take; beyond, the oldest go',
  }),
  streamsPerKey: integer({
    default: 100,
    unit: 'streams',
    minimum: 1,
    maximum: 1_000_000,
    description: 'How many event streams (Server-Sent Events) a key may have at a time',
  }),
  connectionsPerKey: integer({
    default: 20,
    unit: 'connections',
    minimum: 1,
    maximum: 1_000_000,
    description: 'How many WebSockets a key may have at a time',
  }),
  webhookAllowCidrs: cidrList({
    description:
      'Where webhooks may go beside public hosts, such as `10.0.0.0/8,127.0.0.1`; there plain http and any port are allowed too',
  }),
  webhookWaitingMax: integer({
    default: 10_000,
    unit: 'deliveries',
    minimum: 1,
    maximum: 1_000_000,
    description: 'How many webhooks of a key may wait to be delivered; beyond, they fail at once',
  }),
  webhooksKeepDays: integer({
    default: 7,
    unit: 'days',
    minimum: 1,
    maximum: 3650,
    description: 'How long webhooks that were delivered, or failed, can be looked up and sent again',
  }),
  webhooksMax: integer({
    default: 100_000,
    unit: 'deliveries',
    minimum: 1,
    maximum: 100_000_000,
    description: 'How many webhooks that were delivered, or failed, are kept; beyond, the oldest go before their time',
  }),
  headersTimeoutSeconds: integer({
    default: 10,
    unit: 'seconds',
    minimum: 1,
    maximum: 600,
    description: 'How long a client may take to send the headers of a request',
  }),
  requestTimeoutSeconds: integer({
    default: 30,
    unit: 'seconds',
    minimum: 1,
    maximum: 3600,
    description: 'How long a client may take to send a whole request',
  }),
  stopSeconds: integer({
    default: 10,
    unit: 'seconds',
    minimum: 0,
    maximum: 600,
    description: 'How long a stop waits for requests in hand',
  }),
} as const satisfies Record<string, Key<never> | Key<unknown>>

export type ConfigName = keyof typeof configKeys
export type Config = { readonly [Name in ConfigName]: (typeof configKeys)[Name] extends Key<infer T> ? T : never }

export const configNames = Object.keys(configKeys) as ConfigName[]

/** `dataDir` as `nexus.yaml` writes it: `data_dir`. */
export function yamlName(name: ConfigName): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** `dataDir` as the environment writes it: `NEXUS_DATA_DIR`. */
export function envName(name: ConfigName): string {
  return `NEXUS_${yamlName(name).toUpperCase()}`
}
