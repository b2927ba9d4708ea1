import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createAuth,
  createHasher,
  createIdempotency,
  createRateLimits,
  createSharedWindows,
  type Hasher,
  type SharedWindows,
} from './auth/index.ts'
import { createCommands } from './commands/index.ts'
import type { Config } from './config.ts'
import { systemClock } from './core/clock.ts'
import { createGate, type Handlers, type InvokeOptions } from './core/invoke.ts'
import { startThread, type Thread } from './core/thread.ts'
import { createDevices } from './devices/index.ts'
import { createEvents } from './events/index.ts'
import { createLog, createMetrics, type Log, type Metrics, redactUrl } from './observability.ts'
import { openIngestLog } from './storage/ingest-log/sqlite.ts'
import {
  createCommandStore,
  createDeviceStore,
  createEventStore,
  createIdempotencyStore,
  createKeyStore,
  createRetentionStore,
  createTaskStore,
  createTicketStore,
  createWebhookStore,
  createWorkStore,
  openSealer,
  openState,
} from './storage/state/index.ts'
import { openChdb } from './storage/telemetry/chdb.ts'
import { createBlockWriter } from './storage/telemetry/frame-writer.ts'
import { openTelemetryStore } from './storage/telemetry/store.ts'
import { createTasks } from './tasks/index.ts'
import { createTelemetry } from './telemetry/index.ts'
import { openBatchReader } from './transports/http/batch-reader.ts'
import { type BatchReading, createBatchReading } from './transports/http/read-batch.ts'
import { createTlsReload } from './transports/http/tls-reload.ts'
import { createServer } from './transports/server.ts'
import { createWebhooks } from './webhooks/index.ts'
import { createWork } from './work/index.ts'

export interface Nexus {
  /** Where it listens, as in `http://127.0.0.1:8420`. */
  url: string
  /** The admin key that was made at this start, to be shown once; `undefined`: there is one already. */
  newAdminKey: string | undefined
  /** Stops accepting, finishes what is in hand, moves on what is in the log, closes. Nothing acknowledged is lost. */
  stop(): Promise<void>
}

/**
 * The only place that knows every room and every engine. Start: migrate, recover, loops, listen; `stop` reverses it.
 * What was opened is closed again when a later step fails. `hasher` is for keys; tests, which make many, have a cheaper one.
 */
export async function startNexus(config: Config, hasher: Hasher = createHasher()): Promise<Nexus> {
  const log = createLog(config.logLevel)
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const closer of closers.reverse()) {
      try {
        await closer()
      } catch (err) {
        log.error({ err }, 'A part could not be closed; the others are')
      }
    }
  }
  try {
    return await compose(config, hasher, log, closers, close)
  } catch (cause) {
    await close()
    throw cause
  }
}

async function compose(
  config: Config,
  hasher: Hasher,
  log: Log,
  closers: (() => unknown)[],
  close: () => Promise<void>,
): Promise<Nexus> {
  const clock = systemClock
  const now = () => clock.now()
  const stopping = new AbortController()
  const folder = (name: string) => join(config.dataDir, name)
  mkdirSync(folder('telemetry'), { recursive: true, mode: 0o700 })

  const ingestLog = openIngestLog({
    file: folder('telemetry/ingest.db'),
    bytesMax: config.ingestLogMb * 1024 * 1024,
    seenMax: config.repeatsMax,
    now,
  })
  closers.push(() => ingestLog.close())
  const state = await openState(config.stateUrl === undefined ? { file: folder('state.db') } : { url: config.stateUrl })
  closers.push(() => state.close())
  const sealer = await openSealer(state, { file: folder('master.key'), now: now() })

  let metrics: Metrics | undefined
  const clickhouse = openChdb({
    path: folder('telemetry/chdb'),
    readers: config.queryConcurrency,
    queryTimeoutMs: config.queryTimeoutSeconds * 1000,
    queryMemoryBytes: config.queryMemoryMb * 1024 * 1024,
    onQuery: (seconds) => metrics?.observeQuery(seconds),
  })
  closers.push(() => clickhouse.close())
  const events = await createEvents({
    store: createEventStore(state, sealer),
    now,
    keepMs: config.eventsKeepDays * 86_400_000,
    keepMax: config.eventsMax,
    frames: {
      max: config.frameEventsMax,
      bytesMax: config.frameEventsMb * 1024 * 1024,
      keepMs: config.frameEventsKeepMinutes * 60_000,
    },
    onError: (err) => log.error({ err }, 'The event log failed; it tries again'),
  })
  const devices = await createDevices({
    store: createDeviceStore(state),
    events,
    now,
    offlineAfterSeconds: config.offlineAfterSeconds,
    onlineMax: config.latestSeriesMax,
    signal: stopping.signal,
    onError: (err) => log.error({ err }, 'The registry of devices failed; it tries again'),
  })
  const work = createWork({
    store: createWorkStore(state, now),
    now,
    rooms: {
      get command() {
        return commands.workRoom
      },
      get task() {
        return tasks.workRoom
      },
    },
    onError: (err) => log.error({ err }, 'The work engine failed; it tries again'),
  })
  const webhooks = createWebhooks({
    store: createWebhookStore(state, sealer),
    now,
    allowCidrs: config.webhookAllowCidrs ?? [],
    keepMs: config.webhooksKeepDays * 86_400_000,
    keepMax: config.webhooksMax,
    waitingMax: config.webhookWaitingMax,
    onError: (err) => log.error({ err }, 'The outbox of webhooks failed; it tries again'),
  })
  const commands = createCommands({
    store: createCommandStore(state, sealer),
    work,
    events,
    devices,
    callbacks: webhooks,
    lastReading: (deviceId, metric) => telemetry.lastReading(deviceId, metric),
    now,
    keepMs: config.commandsKeepDays * 86_400_000,
    stopping: stopping.signal,
    observe: (type, category, ms) => metrics?.observeCommand(type, category, ms),
    onError: (err) => log.error({ err }, 'Commands could not be given to a device, or forgotten; trying again'),
  })
  const tasks = createTasks({
    store: createTaskStore(state, sealer),
    work,
    events,
    http: webhooks,
    commands,
    acting: {
      principal: (keyId) => auth.principal(keyId),
      invoke: async (id, ctx, input, options) =>
        (await gate.invoke(id, ctx, input, options as InvokeOptions)).output as never,
      commandEnd: (commandId, signal) => commands.end(commandId, signal),
    },
    mayTake: (principal) => rates.hasRoom(principal, 'work'),
    now,
    keepMs: config.runsKeepDays * 86_400_000,
    observe: (what, cause, ms) => metrics?.observeRun(what, cause, ms),
    onError: (err) => log.error({ err }, 'A task could not be advanced, or a run not be done; trying again'),
  })
  // What telemetry tells at a start, such as of a device that was not written down yet, may trigger tasks.
  await tasks.load()
  const telemetry = await createTelemetry({
    log: ingestLog,
    store: await openTelemetryStore(clickhouse),
    retention: createRetentionStore(state),
    now,
    futureLimitSeconds: config.futureLimitSeconds,
    pointsPerMinute: config.pointsPerMinute,
    rollUpQuietSeconds: Math.max(config.rollupQuietSeconds, config.queryTimeoutSeconds),
    latestSeriesMax: config.latestSeriesMax,
    deviceSeriesMax: config.deviceSeriesMax,
    queryCacheBytes: config.queryCacheMb * 1024 * 1024,
    events,
    devices,
    onDrained: ({ frames }, ms) => metrics?.observeDrain(frames, ms),
    onError: (loop, err) => log.error({ err, loop }, 'A loop failed; it tries again'),
  })
  metrics = createMetrics({
    depth: telemetry.depth,
    dirtyHours: telemetry.dirtyHours,
    rollUpsInMemory: telemetry.rollUpsInMemory,
    devicesReceiving: commands.receiving,
    now,
  })
  const observed = metrics

  const shared = await sharedWindows(config, log)
  if (shared) closers.push(() => shared.stop())
  const rates = createRateLimits({ limits: config.rateLimits, clock, shared })
  const auth = createAuth({
    store: createKeyStore(state),
    tickets: createTicketStore(state),
    clock,
    pepper: sealer.derive('key pepper'),
    log,
    hasher,
  })
  const idempotency = createIdempotency({ store: createIdempotencyStore(state, sealer), clock, log })
  const adminKey = await auth.ensureAdminKey({ given: config.adminKey, file: folder('admin.key') })
  if (adminKey.outcome === 'given_key_refused')
    log.warn('NEXUS_ADMIN_KEY was revoked, rotated or has expired; it stays so')
  const handlers: Handlers = {
    ...telemetry.handlers,
    ...devices.handlers,
    ...commands.handlers,
    ...tasks.handlers,
    ...auth.handlers,
    ...events.handlers,
    ...webhooks.handlers,
  }
  const gate = createGate({ handlers, write: state.write, spend: rates.spend, idempotency, hashBody })

  const batchReader = openBatchReader(startReading, createBatchReading(createBlockWriter()))
  closers.push(() => batchReader.close())
  const http = createServer(
    {
      gate,
      authenticate: auth.authenticate,
      authenticateCached: auth.authenticateCached,
      authenticateTicket: auth.authenticateTicket,
      admitAgain: auth.admitAgain,
      spendAddress: rates.spendAddress,
      telemetry,
      events,
      devices,
      commands,
      tasks,
      batchReader,
      now,
      ready: () => !stopping.signal.aborted && !ingestLog.hasFailed(),
      metrics: async () => ({ contentType: observed.contentType, text: await observed.text() }),
      observe: observed.observeRequest,
      countConnection: observed.countConnection,
      onBug: (err, { requestId, method, url }) =>
        log.error({ err, request_id: requestId, method, url: redactUrl(url) }, 'A request failed'),
      signal: stopping.signal,
    },
    {
      headersTimeoutMs: config.headersTimeoutSeconds * 1000,
      requestTimeoutMs: config.requestTimeoutSeconds * 1000,
      tls: readTls(config),
      corsOrigins: config.corsOrigins ?? [],
      version: version(),
      streamsPerKey: config.streamsPerKey,
      connectionsPerKey: config.connectionsPerKey,
      messagesLimited: config.rateLimits !== 'off',
    },
  )

  const tlsReload = createTlsReload(config, http, log)
  const loops = [
    telemetry,
    devices,
    work,
    commands,
    tasks,
    events,
    auth,
    idempotency,
    webhooks,
    tlsReload,
    ...(shared ? [shared] : []),
  ]
  await work.recover()
  for (const loop of loops) loop.start()
  closers.push(
    () => devices.stop(),
    () => work.stop(),
    () => commands.stop(),
    () => Promise.all([telemetry.stop(config.stopSeconds * 300), webhooks.stop(config.stopSeconds * 300)]),
    () => Promise.all([events.stop(), auth.stop(), idempotency.stop(), tlsReload.stop()]),
    // Its own handlers ask the others, until they have ended.
    () => tasks.stop(config.stopSeconds * 200),
  )
  const url = await http.listen({ host: config.host, port: config.port })
  closers.push(() => stopHttp(http, config.stopSeconds * 600))
  log.info({ url, data_dir: config.dataDir, state: state.kind }, 'Nexus is listening')

  return {
    url,
    newAdminKey: adminKey.key ?? undefined,
    async stop() {
      stopping.abort()
      await close()
      log.info('Nexus has stopped')
    },
  }
}

function startReading(): Promise<Thread<BatchReading>> {
  return startThread<BatchReading>(new URL('./batch-reader-thread.ts', import.meta.url), undefined)
}

/** The driver is loaded by who needs it: it takes 27 MB. Redis may be away: the nodes then count alone until it is back. */
async function sharedWindows({ redisUrl, redisPrefix }: Config, log: Log): Promise<SharedWindows | undefined> {
  if (redisUrl === undefined) return undefined
  const { openRedisCounts } = await import('./storage/rate-limits/redis.ts')
  const counts = openRedisCounts({ url: redisUrl, prefix: `${redisPrefix}:` })
  const shared = createSharedWindows({ counts, clock: systemClock, log })
  await shared.exchange()
  return shared
}

const idleSweepMs = 50

/** Lets requests in hand finish, and closes each connection after; what is still open after the grace is cut. */
async function stopHttp(http: ReturnType<typeof createServer>, graceMs: number): Promise<void> {
  const timer = setTimeout(() => http.server.closeAllConnections(), graceMs)
  // `close` looks for idle connections once; one that was busy then would be kept alive for nothing.
  const sweep = setInterval(() => http.server.closeIdleConnections(), idleSweepMs)
  await http.close()
  clearTimeout(timer)
  clearInterval(sweep)
}

function readTls({ tlsCert, tlsKey }: Config): { cert: string; key: string } | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  return { cert: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') }
}

function hashBody(input: unknown): string {
  return createHash('sha256').update(JSON.stringify(input)).digest('base64')
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}
