export type TripName = 'nexus' | 'mosquitto' | 'socket.io'

/** A system that carries commands to devices, and what they answer back to who sent them. */
export interface TripSystem {
  name: TripName
  /** How it carries them and what is durable, for the report. */
  description: string
  version(): string
  /** Whether it is installed. */
  isHere(): boolean
  /** Starts it anew over an empty folder, on the server's core if that is wanted. */
  start(options: { dir: string; pinned: boolean }): Promise<TripServer>
}

export interface TripServer {
  pid: number
  /** A device that answers each command with the number that it carries. */
  connectDevice(deviceId: string): Promise<Connected>
  connectSubmitter(name: string): Promise<Submitter>
  stop(): Promise<void>
}

export interface Connected {
  close(): void
}

export interface Submitter extends Connected {
  /** Sends a command with a number to a device; resolves with the device's answer. */
  call(deviceId: string, number: number): Promise<number>
}
