import { websocketLimits } from '@nexus/contract'
import type { Connection } from './connection.ts'

const pingMs = websocketLimits.pingSeconds * 1000
const idleMs = websocketLimits.idleSeconds * 1000

type Living = Pick<Connection, 'heardAt' | 'pingedAt' | 'ping' | 'close'>

/** Asks a client every 25 seconds for a sign of life, and ends the connection of one that gave none in 75. */
export function lookAfter(connection: Living, now: number): void {
  if (now - connection.heardAt > idleMs) connection.close(1001, 'idle')
  else if (now - connection.pingedAt >= pingMs) {
    connection.pingedAt = now
    connection.ping()
  }
}
