import { type Machine, thisMachine } from '../harness/machine.ts'
import type { FanOut } from './fan-out.ts'
import type { Hostile, Scenario } from './hostile.ts'
import type { Idle, IdleKind } from './idle-connections.ts'
import type { BenchOptions } from './options.ts'
import type { PeerName } from './peers/peer.ts'

export type Case = Pick<FanOut, 'batch' | 'subscribers'>

/** Everything that a run found, repetition by repetition. */
export interface Results {
  at: string
  machine: Machine
  settings: {
    /** The servers on one core, the subscribers and the publisher on another. */
    pinned: boolean
    subscribers: number[]
    batches: number[]
    repetitions: number
    windowSeconds: number
    idle: number
  }
  systems: { name: PeerName; version: string; description: string }[]
  fanOut: Partial<Record<PeerName, FanOut[]>>
  idle: Partial<Record<PeerName, Partial<Record<IdleKind, Idle>>>>
  hostile: Partial<Record<PeerName, Partial<Record<Scenario, Hostile>>>>
}

export function emptyResults(options: BenchOptions): Results {
  const { subscribers, batches, repetitions, windowSeconds, idle } = options
  return {
    at: new Date().toISOString(),
    machine: thisMachine(),
    settings: { pinned: false, subscribers, batches, repetitions, windowSeconds, idle },
    systems: options.peers.map(({ name, version, description }) => ({ name, version: version(), description })),
    fanOut: Object.fromEntries(options.peers.map((peer) => [peer.name, []])),
    idle: {},
    hostile: {},
  }
}

/** What is measured of a fan-out. */
export function casesOf({ batches, subscribers }: Pick<BenchOptions, 'batches' | 'subscribers'>): Case[] {
  return batches.flatMap((batch) => subscribers.map((subscribers) => ({ batch, subscribers })))
}
