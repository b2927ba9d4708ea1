import { processorSecondsOf } from '../harness/processor-time.ts'
import { percentile } from '../harness/statistics.ts'
import type { Connected, Submitter, TripServer } from './trips/trip.ts'

export interface Trip {
  inFlight: number
  p50Ms: number
  p99Ms: number
  perSecond: number
  /** Of the server's processor for each command. */
  serverMicrosEach: number
  /** How much of one core each side used. */
  serverCores: number
  loadCores: number
}

export interface TripLoad {
  /** How many commands are on their way at once, in turn. */
  inFlight: number[]
  windowSeconds: number
  /** How many devices are connected and are sent nothing. */
  idleDevices: number
}

/** So many commands a connection sends at once. */
const perSubmitter = 25
const connectingMax = 50
const lostMs = 30_000

/** Connects idle devices, warms up, and measures with so many commands on their way, each to a device of its own. */
export async function measureTrips(server: TripServer, load: TripLoad): Promise<Trip[]> {
  const connected: Connected[] = []
  try {
    await connectIdle(server, load.idleDevices, connected)
    const most = Math.max(...load.inFlight)
    const devices = Array.from({ length: most }, (_, i) => `device-${i}`)
    for (const id of devices) connected.push(await server.connectDevice(id))
    const submitters: Submitter[] = []
    for (let i = 0; i < Math.ceil(most / perSubmitter); i++)
      submitters.push(await server.connectSubmitter(`submitter-${i}`))
    connected.push(...submitters)
    const lanes = devices.map((device, i) => ({ device, submitter: submitters[Math.floor(i / perSubmitter)]! }))
    await callFor(server, lanes, load.windowSeconds / 2)
    const trips: Trip[] = []
    for (const inFlight of load.inFlight) {
      await callFor(server, lanes.slice(0, inFlight), load.windowSeconds / 4)
      trips.push(await callFor(server, lanes.slice(0, inFlight), load.windowSeconds))
    }
    return trips
  } finally {
    for (const one of connected) one.close()
  }
}

async function connectIdle(server: TripServer, count: number, connected: Connected[]): Promise<void> {
  for (let i = 0; i < count; i += connectingMax) {
    const ids = Array.from({ length: Math.min(connectingMax, count - i) }, (_, j) => `idle-${i + j}`)
    connected.push(...(await Promise.all(ids.map((id) => server.connectDevice(id)))))
  }
}

interface Lane {
  device: string
  submitter: Submitter
}

const sent = { number: 0 }

/** One command after the other in each lane; an answer that is another command's throws. */
async function callFor(server: TripServer, lanes: Lane[], seconds: number): Promise<Trip> {
  const took: number[] = []
  const processor = { server: processorSecondsOf(server.pid), load: process.cpuUsage() }
  const begun = performance.now()
  const end = begun + seconds * 1000
  const run = async ({ device, submitter }: Lane) => {
    for (let now = performance.now(); now < end; ) {
      const number = ++sent.number
      const answer = await submitter.call(device, number)
      if (answer !== number) throw new Error(`the answer to ${number} was ${answer}`)
      const later = performance.now()
      took.push(later - now)
      now = later
    }
  }
  await within(seconds * 1000 + lostMs, Promise.all(lanes.map(run)))
  const elapsed = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(processor.load)
  const serverSeconds = processorSecondsOf(server.pid) - processor.server
  return {
    inFlight: lanes.length,
    p50Ms: percentile(took, 0.5),
    p99Ms: percentile(took, 0.99),
    perSecond: took.length / elapsed,
    serverMicrosEach: (serverSeconds / took.length) * 1e6,
    serverCores: serverSeconds / elapsed,
    loadCores: (user + system) / 1e6 / elapsed,
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('a command was never answered')), ms)
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}
