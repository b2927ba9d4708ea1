export type PeerName = 'nexus' | 'bullmq' | 'pg-boss' | 'graphile-worker'

/** Something to be run. */
export interface Due {
  id: number
  /** Epoch milliseconds; undefined: at once. */
  at: number | undefined
}

/** Told in the turn in which a handler starts. */
export type Started = (id: number) => void

export interface RunQueue {
  /** Resolves once what was added is durable. */
  add(runs: readonly Due[]): Promise<void>
  /** Begins to work, so many at once. Resolves once the system would start a run. */
  work(concurrency: number, started: Started): Promise<Working>
  /** Makes so many schedules, each due at every full minute, and begins to work. Undefined: it has none. */
  workOnSchedules: ((count: number, concurrency: number, started: Started) => Promise<Working>) | undefined
  close(): Promise<void>
}

export interface Working {
  stop(): Promise<void>
}

export interface Peer {
  name: PeerName
  version(): string
  description: string
  /** `isBurst`: much will be due at once, and the system is set up as it is best at that. */
  open(engines: Engines, isBurst: boolean): Promise<RunQueue>
}

export interface Engines {
  /** A folder of its own. */
  dir: string
  /** An empty database. */
  postgresUrl(): Promise<string>
  /** An empty Redis that syncs every write. */
  redisPort(): Promise<number>
}
