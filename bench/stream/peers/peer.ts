import type { Subscription } from '../readers.ts'

export type PeerName = 'nexus-websocket' | 'bare-ws' | 'nexus-sse' | 'bare-sse' | 'socket.io'

/** A system under test: how it is started, subscribed to and made to send. All of them are Node processes. */
export interface Peer {
  name: PeerName
  /** How it sends, for the report. */
  description: string
  version(): string
  script: string
  env(dataDir: string, port: number): Record<string, string>
  readyPath: string
  /** Those that a client of a started system sends. */
  headersOf(dataDir: string): Record<string, string>
  publish: {
    path: string
    type: string
    status: number
    /** What makes it send `count` messages to each subscriber. */
    bodyOf(count: number): Buffer
  }
  /** To all messages, or to those of one device. */
  subscription(headers: Record<string, string>, device?: string): Subscription
  /** What a client that floods it says over and over once it is subscribed; of systems that should withstand it. */
  floodOf?(headers: Record<string, string>): Buffer
}

/** A started system. */
export interface Server {
  peer: Peer
  port: number
  pid: number
  headers: Record<string, string>
  /** What is in use once garbage is collected. */
  memory(): Promise<{ rss: number; heapUsed: number }>
  stop(): Promise<void>
}
