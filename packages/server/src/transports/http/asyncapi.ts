import {
  ClientEnvelope,
  channels,
  clientMessages,
  closeCodes,
  eventMessage,
  eventsStream,
  eventTypes,
  ServerEnvelope,
  serverMessages,
  streamEvents,
  websocketBearerPrefix,
  websocketLimits,
  websocketPath,
  websocketProtocol,
} from '@nexus/contract'
import Type, { type TSchema } from 'typebox'

type Json = Record<string, unknown>

export interface AsyncApiOptions {
  version: string
  /** Where the server answers, as in `127.0.0.1:8420`. */
  host: string
}

/** The AsyncAPI 3 document of the WebSocket and of the event stream: plain JSON, in a stable order. */
export function asyncApiDocument({ version, host }: AsyncApiOptions): Json {
  const messages = {
    ...said(clientMessages, ClientEnvelope, clientNameOf),
    ...said(serverMessages, ServerEnvelope, nameOf),
    ...eventsSaid(),
  }
  return JSON.parse(
    JSON.stringify({
      asyncapi: '3.0.0',
      info: {
        title: 'Nexus streams',
        version,
        description: 'What Nexus says by itself: the WebSocket, and the stream of events as Server-Sent Events.',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      defaultContentType: 'application/json',
      servers: {
        websocket: {
          host,
          protocol: 'ws',
          description: 'With TLS: wss',
          security: security(['key', 'token', 'ticket']),
        },
        http: {
          host,
          protocol: 'http',
          description: 'With TLS: https',
          security: security(['key', 'token', 'ticket']),
        },
      },
      channels: { websocket: websocketChannel(), events: eventsChannel() },
      operations: { ...clientOperations(), ...serverOperations() },
      components: { messages, securitySchemes },
    }),
  )
}

const clientTypes = Object.keys(clientMessages)
const serverTypes = Object.keys(serverMessages)
const noticeTypes = serverTypes.filter((type) => type.startsWith('stream.'))
/** What answers each message of a client, beside `error`. */
const answers: Record<string, string> = {
  subscribe: 'subscribed',
  unsubscribe: 'unsubscribed',
  invoke: 'invoked',
  ping: 'pong',
  command: 'command.accepted',
  'device.hello': 'device.welcome',
  'command.ack': 'command.confirmed',
  'command.progress': 'command.confirmed',
  'command.log': 'command.confirmed',
  'command.result': 'command.confirmed',
}

const securitySchemes = {
  key: { type: 'http', scheme: 'bearer', description: 'An API key in `Authorization`' },
  token: { type: 'httpApiKey', in: 'query', name: 'token', description: 'An API key in the address' },
  ticket: {
    type: 'httpApiKey',
    in: 'query',
    name: 'ticket',
    description: 'A ticket from `POST /v1/auth/tickets`: it works once, within 30 seconds',
  },
}

function security(names: (keyof typeof securitySchemes)[]): Json[] {
  return names.map((name) => reference('components/securitySchemes', name))
}

function websocketChannel(): Json {
  return {
    address: websocketPath,
    title: 'WebSocket',
    description: [
      `Text messages of JSON. A browser shows its key in the subprotocols \`${websocketProtocol}, ${websocketBearerPrefix}<key in base64url>\`.`,
      `Channels to subscribe to: ${Object.entries(channels).map(describeChannel).join('; ')}.`,
      `Close codes: ${Object.entries(closeCodes)
        .map(([code, why]) => `${code}: ${why}`)
        .join('; ')}.`,
      `At most ${websocketLimits.subscriptions} subscriptions, ${websocketLimits.messagesPerSecond} messages a second.`,
    ].join('\n\n'),
    servers: [reference('servers', 'websocket')],
    messages: { ...referred(clientTypes, clientNameOf), ...referred([...serverTypes, ...eventTypes]) },
    bindings: { ws: { method: 'GET', query: queryOf(['token', 'ticket']), bindingVersion: '0.1.0' } },
  }
}

function describeChannel([name, { types, scope }]: [string, { types: string; scope: string | null }]): string {
  return `\`${name}\` (\`${types}\`, needs ${scope ?? 'the scope of each type'})`
}

function eventsChannel(): Json {
  return {
    address: eventsStream.path,
    title: 'Server-Sent Events',
    description: 'Each event as `event` (its type), `id` (its cursor) and `data` (what the message has as payload).',
    servers: [reference('servers', 'http')],
    messages: referred([...eventTypes, ...streamEvents]),
  }
}

function queryOf(names: string[]): Json {
  const properties = eventsStream.input.properties as unknown as Json
  return { type: 'object', properties: Object.fromEntries(names.map((name) => [name, properties[name]])) }
}

function clientOperations(): Json {
  return Object.fromEntries(
    Object.entries(clientMessages).map(([type, { summary }]) => [
      type,
      {
        action: 'receive',
        channel: reference('channels', 'websocket'),
        summary,
        messages: [reference('channels/websocket/messages', clientNameOf(type))],
        reply: {
          channel: reference('channels', 'websocket'),
          messages: [inChannel('websocket', answers[type]!), inChannel('websocket', 'error')],
        },
      },
    ]),
  )
}

function serverOperations(): Json {
  const sent = (channel: string, summary: string, types: readonly string[]) => ({
    action: 'send',
    channel: reference('channels', channel),
    summary,
    messages: types.map((type) => inChannel(channel, type)),
  })
  return {
    deliverCommands: sent('websocket', 'Executions for a device, and what becomes of them', [
      'command.execute',
      'command.cancel',
      'device.replaced',
    ]),
    tellResults: sent('websocket', 'How commands ended that were sent over the connection', ['command.result']),
    sendEvents: sent('websocket', 'Events of the subscriptions, and what the server says of them', [
      ...eventTypes,
      ...noticeTypes,
    ]),
    streamEvents: sent('events', 'Events, and what the stream says of itself', [...eventTypes, ...streamEvents]),
  }
}

type Messages = Record<string, { summary: string; payload: TSchema }>

function said(
  messages: Messages,
  envelope: typeof ClientEnvelope | typeof ServerEnvelope,
  named: (type: string) => string,
): Json {
  return Object.fromEntries(
    Object.entries(messages).map(([type, { summary, payload }]) => [
      named(type),
      { name: type, summary, payload: Type.Object({ ...envelope.properties, type: Type.Literal(type), payload }) },
    ]),
  )
}

function eventsSaid(): Json {
  return Object.fromEntries(
    eventTypes.map((type) => [
      nameOf(type),
      {
        name: type,
        summary: `The event \`${type}\``,
        payload: eventMessage(type),
      },
    ]),
  )
}

/** Names of components know no dots. */
function nameOf(type: string): string {
  return type.replaceAll('.', '_')
}

/** What a client says may have the name of what the server says. */
function clientNameOf(type: string): string {
  const isSaidByBoth = serverTypes.includes(type) || (eventTypes as readonly string[]).includes(type)
  return isSaidByBoth ? `client_${nameOf(type)}` : nameOf(type)
}

function referred(types: readonly string[], named = nameOf): Json {
  return Object.fromEntries(types.map((type) => [named(type), reference('components/messages', named(type))]))
}

function inChannel(channel: string, type: string): Json {
  return reference(`channels/${channel}/messages`, nameOf(type))
}

function reference(place: string, name: string): Json {
  return { $ref: `#/${place}/${name}` }
}
