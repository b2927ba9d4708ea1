import type { CloseCode } from '@nexus/contract'
import type { WebSocket } from 'ws'

/** How long a client may take to answer a goodbye. */
const cutMs = 2000

/** Closes with a code and a word for it; who does not answer is cut off. */
export function closeWebSocket(ws: WebSocket, code: CloseCode, reason: string): void {
  ws.close(code, reason)
  const cut = setTimeout(() => ws.terminate(), cutMs)
  ws.once('close', () => clearTimeout(cut))
}
