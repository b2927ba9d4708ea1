import type { Launch } from '../../harness/server-process.ts'
import type { Format } from '../formats.ts'
import type { Points, Query } from '../queries.ts'

export type PeerName = 'nexus' | 'influxdb' | 'victoria-metrics'

/** A system under test: how it is started, fed, asked and read. */
export interface Peer {
  name: PeerName
  /** What a 2xx to a write promises, for the report. */
  durability: string
  format: Format
  /** What stands between two installations: the version, for the report. */
  version(): string
  launch(dataDir: string, port: number): Launch
  readyPath: string
  /** Once after the start; the headers that every request carries. */
  prepare(dataDir: string, port: number): Promise<Record<string, string>>
  write: { one: string; many: string; oneType: string; manyType: string; status: number }
  /** Whether all that was acknowledged can be queried. */
  isDrained(server: Server): Promise<boolean>
  /** Whether the work that follows a load in the background is done, where the system tells. */
  isAtRest?(server: Server): Promise<boolean>
  /** Counts the points of one metric in the whole history. */
  countPath(metric: string, fromMs: number, toMs: number): string
  readCount(body: unknown): number
  queryPath(query: Query): string
  readPoints(query: Query, body: unknown): Points
}

/** A started system. */
export interface Server {
  peer: Peer
  port: number
  pid: number
  dataDir: string
  headers: Record<string, string>
  stop(): Promise<void>
}
