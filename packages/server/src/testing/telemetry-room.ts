import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Ctx, Principal } from '../core/context.ts'
import { type IngestLogOptions, openIngestLog } from '../storage/ingest-log/sqlite.ts'
import { openChdb } from '../storage/telemetry/chdb.ts'
import type { ClickHouse } from '../storage/telemetry/clickhouse.ts'
import { openTelemetryStore } from '../storage/telemetry/store.ts'
import { createTelemetry, type TelemetryOptions } from '../telemetry/index.ts'
import { copyFirstStart } from './first-start.ts'

export const admin: Principal = {
  keyId: 'key-test',
  scopes: ['admin'],
  deviceId: null,
  agentId: null,
  rateLimits: {},
  secretTag: '',
}

/** A clock that stands still until it is turned. */
export function testClock(now = Date.parse('2026-05-01T12:00:00Z')) {
  return {
    at: now,
    now(): number {
      return this.at
    },
  }
}

export function testCtx(clock: { now(): number }, principal: Principal = admin): Ctx {
  return {
    principal,
    requestId: 'req-test',
    traceId: '0'.repeat(32),
    now: () => clock.now(),
    signal: new AbortController().signal,
  }
}

export interface RoomOptions extends Partial<TelemetryOptions> {
  folder?: string
  openSyncer?: IngestLogOptions['openSyncer']
  /** Puts something between the store and its engine, such as a fault. */
  engine?: (clickhouse: ClickHouse) => ClickHouse
}

/** A telemetry room on the real engines, in a folder of its own that goes with the test. No loop runs by itself. */
export async function openTelemetryRoom(t: TestContext, options: RoomOptions = {}) {
  const engine = options.engine ?? ((clickhouse) => clickhouse)
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'nexus-telemetry-'))
  if (options.folder === undefined) copyFirstStart(join(folder, 'chdb'), 'telemetry/chdb')
  const clock = testClock()
  const log = openIngestLog({
    file: join(folder, 'ingest.db'),
    bytesMax: 1 << 30,
    seenMax: 1000,
    ...(options.openSyncer && { openSyncer: options.openSyncer }),
    now: () => clock.now(),
  })
  const bounds = { readers: 2, queryTimeoutMs: 30_000, queryMemoryBytes: 1 << 30 }
  const store = await openTelemetryStore(engine(openChdb({ path: join(folder, 'chdb'), ...bounds, onQuery: () => {} })))
  let policies: Awaited<ReturnType<TelemetryOptions['retention']['get']>> = { policies: [] }
  const room = await createTelemetry({
    log,
    store,
    retention: {
      get: async () => policies,
      put: async (_tx, next) => {
        policies = next
      },
      afterCommit: (_tx, fn) => fn(),
    },
    events: { emit: () => {} },
    devices: { seen: () => {}, reconcile: async () => {} },
    now: () => clock.now(),
    futureLimitSeconds: 600,
    pointsPerMinute: 0,
    rollUpQuietSeconds: 120,
    latestSeriesMax: 1_000_000,
    deviceSeriesMax: 10_000,
    queryCacheBytes: 1 << 24,
    onDrained: () => {},
    onError: (loop, cause) => t.diagnostic(`${loop}: ${cause}`),
    ...options,
  })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= room
      .stop(5000)
      .then(() => log.close())
      .then(() => store.close())
    return closed
  }
  t.after(async () => {
    await close()
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
  })
  return { room, log, store, clock, ctx: testCtx(clock), close }
}
