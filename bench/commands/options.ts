import { parseArgs } from 'node:util'
import { chosen, positive } from '../harness/option-values.ts'
import { bullmq } from './peers/bullmq.ts'
import { graphileWorker } from './peers/graphile-worker.ts'
import { nexusPostgres, nexusSqlite } from './peers/nexus.ts'
import type { Mode, Peer } from './peers/peer.ts'
import { pgBoss } from './peers/pg-boss.ts'
import type { TripLoad } from './round-trip.ts'
import { mosquitto } from './trips/mosquitto.ts'
import { nexus } from './trips/nexus.ts'
import { socketIo } from './trips/socket-io.ts'
import type { TripSystem } from './trips/trip.ts'

export interface BenchOptions {
  peers: Peer[]
  tripSystems: TripSystem[]
  parts: Set<Part>
  modes: Mode[]
  repetitions: number
  windowSeconds: number
  /** How many jobs wait when work begins. */
  backlog: number
  trips: TripLoad
  /** A PostgreSQL on which databases may be made. */
  postgres: string
  writeDocs: boolean
  /** Where the data folders are made; the system's temporary folder unless told. */
  workDir: string | undefined
}

const parts = ['jobs', 'round-trip'] as const
export type Part = (typeof parts)[number]

const peers: Peer[] = [nexusSqlite, bullmq, nexusPostgres, pgBoss, graphileWorker]
const tripSystems: TripSystem[] = [nexus, mosquitto, socketIo]
/** One at a time, and in batches. */
const modes: Mode[] = [
  { clients: 32, batch: 1 },
  { clients: 8, batch: 50 },
]

const inFlight = [1, 50]

const full = { repetitions: 3, window: 3, backlog: 20_000, tripWindow: 4, idle: 1000 }
const quick = { repetitions: 1, window: 1, backlog: 5000, tripWindow: 1, idle: 100 }

export function benchOptions(args: string[]): BenchOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      systems: text,
      parts: text,
      repetitions: text,
      window: text,
      backlog: text,
      'trip-window': text,
      idle: text,
      postgres: text,
      'work-dir': text,
      'write-docs': { type: 'boolean', default: false },
    },
  })
  const defaults = values.quick ? quick : full
  const systems = chosen('--systems', values.systems, [...peers, ...tripSystems], ({ name }) => name)
  return {
    peers: peers.filter((peer) => systems.includes(peer)),
    tripSystems: tripSystems.filter((system) => systems.includes(system)),
    parts: new Set(chosen('--parts', values.parts, parts, (part) => part)),
    modes,
    repetitions: positive('--repetitions', values.repetitions, defaults.repetitions),
    windowSeconds: positive('--window', values.window, defaults.window),
    backlog: positive('--backlog', values.backlog, defaults.backlog),
    trips: {
      inFlight,
      windowSeconds: positive('--trip-window', values['trip-window'], defaults.tripWindow),
      idleDevices: positive('--idle', values.idle, defaults.idle),
    },
    postgres: values.postgres ?? 'postgres://postgres@127.0.0.1:5432/test',
    writeDocs: values['write-docs'],
    workDir: values['work-dir'],
  }
}
