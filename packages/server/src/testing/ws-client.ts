import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { type ClientOptions, WebSocket } from 'ws'
import type { TestNexus } from './nexus.ts'
import { until } from './until.ts'

export interface Message {
  type: string
  id?: string
  timestamp: string
  payload: Record<string, unknown>
  subscription_id?: string
  cursor?: string
}

export interface WsClient {
  ws: WebSocket
  /** Everything that was heard. */
  messages: Message[]
  send(type: string, payload?: unknown, id?: string): void
  /** Sends a message, and gives the answer to it. */
  ask(type: string, payload?: unknown): Promise<Message>
  /** Subscribes, and gives what `subscribed` says. */
  subscribe(channel: string, more?: object): Promise<{ subscription_id: string; cursor: string; recovered: boolean }>
  /** The messages of a type. */
  of(type: string): Message[]
  closed: Promise<{ code: number; reason: string }>
}

/** Opens a WebSocket with the admin key, unless headers or a query say otherwise; it goes with the test. */
export async function openWs(
  t: TestContext,
  nexus: TestNexus,
  { query = '', protocols = [], ...options }: ClientOptions & { query?: string; protocols?: string[] } = {},
): Promise<WsClient> {
  const headers = options.headers ?? (query === '' && protocols.length === 0 ? bearer(nexus.key) : {})
  const ws = new WebSocket(`${nexus.url.replace('http', 'ws')}/v1${query}`, protocols, { ...options, headers })
  t.after(() => ws.terminate())
  const messages: Message[] = []
  ws.on('message', (data) => messages.push(JSON.parse(String(data))))
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  )
  await once(ws, 'open')
  let asked = 0
  const send = (type: string, payload?: unknown, id = `ask-${++asked}`) =>
    ws.send(JSON.stringify({ type, id, timestamp: new Date().toISOString(), payload }))
  const ask = (type: string, payload?: unknown) => {
    const id = `ask-${asked + 1}`
    send(type, payload)
    return until(`an answer to ${type}`, async () => messages.find((message) => message.id === id))
  }
  return {
    ws,
    messages,
    send,
    ask,
    of: (type) => messages.filter((message) => message.type === type),
    async subscribe(channel, more = {}) {
      const answer = await ask('subscribe', { channel, ...more })
      if (answer.type !== 'subscribed') throw new Error(JSON.stringify(answer))
      return answer.payload as Awaited<ReturnType<WsClient['subscribe']>>
    },
    closed,
  }
}

export function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` }
}
