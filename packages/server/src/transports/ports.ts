import type { OperationId, RateBucket } from '@nexus/contract'
import type { Commands } from '../commands/index.ts'
import type { Principal } from '../core/context.ts'
import type { Gate, RateStatus } from '../core/invoke.ts'
import type { Devices } from '../devices/index.ts'
import type { Events } from '../events/index.ts'
import type { Tasks } from '../tasks/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import type { BatchReader } from './http/batch-reader.ts'

/** What the transports need of the rest of the server. */
export interface TransportDeps {
  gate: Gate
  /** Cached keys answer in the same turn; others are looked up. */
  authenticateCached(token: string, address: string, connection: object): Principal | undefined
  authenticate(token: string, address: string): Promise<Principal>
  authenticateTicket(ticket: string, address: string): Promise<Principal>
  admitAgain(principal: Principal, address: string): Promise<Principal>
  spendAddress(address: string, bucket: RateBucket): RateStatus
  telemetry: Pick<Telemetry, 'send' | 'sendBatch' | 'momentsFor'>
  events: Pick<Events, 'stream'>
  devices: Pick<Devices, 'attach'>
  commands: Pick<Commands, 'assertReceives' | 'receive' | 'end' | 'trail'>
  tasks: Pick<Tasks, 'trail'>
  batchReader: BatchReader
  now(): number
  /** Open, recovered, and not stopping. */
  ready(): boolean
  metrics(): Promise<{ contentType: string; text: string }>
  observe(operation: OperationId | 'none', status: number, seconds: number): void
  /** Counts connections that stay open. */
  countConnection(transport: 'sse' | 'websocket', change: 1 | -1): void
  onBug(cause: unknown, ctx: { requestId: string; method: string; url: string }): void
  /** Aborted when the server stops. */
  signal: AbortSignal
}
