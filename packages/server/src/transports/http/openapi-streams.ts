import { commandEventsStream, eventsStream } from '@nexus/contract'

interface Schema {
  description?: string
}

function queryParameter([name, { description, ...schema }]: [string, Schema]) {
  return { name, in: 'query', required: false, ...(description !== undefined && { description }), schema }
}

const refusals = [400, 401, 403, 429, 500, 503]

const lastEventId = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: 'As `last_event_id`, and before it; browsers send it when they connect again',
  schema: { type: 'string' },
}

const content = { 'text/event-stream': { schema: { type: 'string' } } }

function refused(statuses: readonly number[]) {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Error${status}` }]))
}

const { command_id: commandId, ...commandEventsQuery } = commandEventsStream.input.properties

/** Streams are no operations: their answer has no end. */
export const streamPaths = {
  [eventsStream.path]: {
    get: {
      operationId: eventsStream.id,
      summary: eventsStream.summary,
      description:
        'Replays what happened after `last_event_id`, then goes on, with neither a gap nor a repetition. `stream.gap` tells what is gone, `stream.overflow` that the reader was too slow, `stream.expired` that the key is no longer valid, `stream.shutdown` that the server stops; after the last three the stream ends.',
      tags: ['events'],
      'x-required-scope': null,
      'x-rate-limit-bucket': eventsStream.rate,
      parameters: [
        ...Object.entries(eventsStream.input.properties as unknown as Record<string, Schema>).map(queryParameter),
        lastEventId,
      ],
      responses: {
        200: {
          description: 'Events as they happen: `event` is the type, `id` the cursor, `data` JSON',
          content,
        },
        ...refused(refusals),
      },
    },
  },
  [commandEventsStream.path]: {
    get: {
      operationId: commandEventsStream.id,
      summary: commandEventsStream.summary,
      description:
        "The command's own events as in `GET /v1/events/stream`; `seq` in their data counts them. After the one that tells of its end comes `stream.ended`. 204: the command has ended, and there is nothing after `last_event_id`.",
      tags: ['commands'],
      'x-required-scope': commandEventsStream.scope,
      'x-rate-limit-bucket': commandEventsStream.rate,
      parameters: [
        { name: 'command_id', in: 'path', required: true, schema: commandId },
        ...Object.entries(commandEventsQuery as unknown as Record<string, Schema>).map(queryParameter),
        lastEventId,
      ],
      responses: {
        200: { description: 'Events as they happen: `event` is the type, `id` the cursor, `data` JSON', content },
        204: { description: 'Nothing follows; no body' },
        ...refused([...refusals, 404]),
      },
    },
  },
}
