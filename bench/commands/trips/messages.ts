import { once } from 'node:events'
import { WebSocket } from 'ws'

/** A WebSocket that speaks JSON. */
export interface Messages {
  send(message: object): void
  close(): void
}

export async function openMessages<Message>(
  url: string,
  headers: Record<string, string>,
  onMessage: (message: Message, messages: Messages) => void,
): Promise<Messages> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false })
  const messages: Messages = {
    send: (message) => socket.send(JSON.stringify(message)),
    close: () => socket.terminate(),
  }
  socket.on('message', (data) => onMessage(JSON.parse(String(data)), messages))
  await once(socket, 'open')
  return messages
}
