import { benchArguments } from '../harness/bench-arguments.ts'
import { positive } from '../harness/option-values.ts'
import { bareSse } from './peers/bare-sse.ts'
import { bareWs } from './peers/bare-ws.ts'
import { nexusSse, nexusWebSocket } from './peers/nexus.ts'
import type { Peer } from './peers/peer.ts'
import { socketIo } from './peers/socket-io.ts'

export interface BenchOptions {
  peers: Peer[]
  parts: Set<Part>
  /** Of each fan-out. */
  subscribers: number[]
  /** How many messages are published at once, of each fan-out. */
  batches: number[]
  /** Of the fan-outs. */
  repetitions: number
  windowSeconds: number
  /** Connections that do nothing, to be measured and to be in the way of others. */
  idle: number
  writeDocs: boolean
  /** Where the data folders are made; the system's temporary folder unless told. */
  workDir: string | undefined
}

const parts = ['fan-out', 'idle', 'hostile'] as const
export type Part = (typeof parts)[number]

const peers: Peer[] = [nexusWebSocket, bareWs, socketIo, nexusSse, bareSse]

const full = { repetitions: 5, window: 10, idle: 10_000 }
const quick = { repetitions: 2, window: 3, idle: 1000 }

export function benchOptions(args: string[]): BenchOptions {
  const texts = ['subscribers', 'batches'] as const
  const { systems, amounts, ...told } = benchArguments(args, { systems: peers, parts, full, quick, texts })
  return {
    peers: systems,
    parts: told.parts,
    subscribers: numbers('--subscribers', told.texts.subscribers ?? '100,1000'),
    batches: numbers('--batches', told.texts.batches ?? '250,1'),
    repetitions: amounts.repetitions,
    windowSeconds: amounts.window,
    idle: amounts.idle,
    writeDocs: told.writeDocs,
    workDir: told.workDir,
  }
}

function numbers(option: string, list: string): number[] {
  return list.split(',').map((text) => positive(option, text, 0))
}
