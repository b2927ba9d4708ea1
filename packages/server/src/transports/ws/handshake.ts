import { websocketBearerPrefix, websocketProtocol } from '@nexus/contract'
import type { Presented } from '../admit.ts'
import { bearerOf, type Call } from '../call.ts'

/**
 * What a client shows for who it is: the key in `Authorization`, else behind the subprotocol `nexus.bearer.`, else in the
 * query as `token` (specification, "Connection"); or a ticket in the query.
 */
export function presentedIn(call: Call, url: string): Presented {
  const query = new URLSearchParams(url.split('?', 2)[1])
  return {
    key: bearerOf(call) ?? keyInProtocols(call) ?? query.get('token') ?? undefined,
    ticket: query.get('ticket') ?? undefined,
  }
}

/** The answer to the subprotocols of a client: never the one that holds its key. */
export function chooseProtocol(offered: ReadonlySet<string>): string | false {
  return offered.has(websocketProtocol) && websocketProtocol
}

function keyInProtocols({ headers }: Call): string | undefined {
  const offered = headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim())
  const bearer = offered?.find((protocol) => protocol.startsWith(websocketBearerPrefix))
  return bearer && Buffer.from(bearer.slice(websocketBearerPrefix.length), 'base64url').toString()
}
