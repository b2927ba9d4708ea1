export type PeerName = 'nexus-sqlite' | 'nexus-postgres' | 'bullmq' | 'pg-boss' | 'graphile-worker'

/** How jobs are added and done: by so many clients at once, each so many at a time. */
export interface Mode {
  clients: number
  /** Above 1: in batches, where the system has them. */
  batch: number
}

/** Where the engines of the peers are. */
export interface Engines {
  /** A folder of its own. */
  dir: string
  /** A database of its own, which is empty. */
  postgresUrl(): Promise<string>
  /** A server of its own that syncs each write before it answers. */
  redisPort(): Promise<number>
}

/** A system under test, in this process; its engine may be another. */
export interface Peer {
  name: PeerName
  /** When a job is durable, and how it is done, for the report. */
  description: string
  version(): string
  open(engines: Engines, mode: Mode): Promise<JobQueue>
}

/** One queue, which is empty at first. */
export interface JobQueue {
  /** Adds a job for each payload, and resolves once they are durable. */
  add(payloads: string[]): Promise<void>
  /** Begins to do what waits, and says how many were done once that is durable; `stop` resolves when nothing runs. */
  work(done: (count: number) => void): Promise<{ stop(): Promise<void> }>
  /** How many there are that have not been done. */
  remaining(): Promise<number>
  close(): Promise<void>
}
