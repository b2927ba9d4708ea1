import { benchArguments } from '../harness/bench-arguments.ts'
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

const systems = [...peers, ...tripSystems]
const full = { repetitions: 3, window: 3, backlog: 20_000, 'trip-window': 4, idle: 1000 }
const quick = { repetitions: 1, window: 1, backlog: 5000, 'trip-window': 1, idle: 100 }

export function benchOptions(args: string[]): BenchOptions {
  const texts = ['postgres'] as const
  const { systems: asked, amounts, ...told } = benchArguments(args, { systems, parts, full, quick, texts })
  return {
    peers: peers.filter((peer) => asked.includes(peer)),
    tripSystems: tripSystems.filter((system) => asked.includes(system)),
    parts: told.parts,
    modes,
    repetitions: amounts.repetitions,
    windowSeconds: amounts.window,
    backlog: amounts.backlog,
    trips: { inFlight, windowSeconds: amounts['trip-window'], idleDevices: amounts.idle },
    postgres: told.texts.postgres ?? 'postgres://postgres@127.0.0.1:5432/test',
    writeDocs: told.writeDocs,
    workDir: told.workDir,
  }
}
