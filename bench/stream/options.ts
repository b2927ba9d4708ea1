import { parseArgs } from 'node:util'
import { chosen, positive } from '../harness/option-values.ts'
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
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      systems: text,
      parts: text,
      subscribers: text,
      batches: text,
      repetitions: text,
      window: text,
      idle: text,
      'work-dir': text,
      'write-docs': { type: 'boolean', default: false },
    },
  })
  const defaults = values.quick ? quick : full
  return {
    peers: chosen('--systems', values.systems, peers, (peer) => peer.name),
    parts: new Set(chosen('--parts', values.parts, parts, (part) => part)),
    subscribers: numbers('--subscribers', values.subscribers ?? '100,1000'),
    batches: numbers('--batches', values.batches ?? '250,1'),
    repetitions: positive('--repetitions', values.repetitions, defaults.repetitions),
    windowSeconds: positive('--window', values.window, defaults.window),
    idle: positive('--idle', values.idle, defaults.idle),
    writeDocs: values['write-docs'],
    workDir: values['work-dir'],
  }
}

function numbers(option: string, list: string): number[] {
  return list.split(',').map((text) => positive(option, text, 0))
}
