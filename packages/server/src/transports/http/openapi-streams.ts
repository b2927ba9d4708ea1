import { commandEventsStream, eventsStream, runEventsStream } from '@nexus/contract'

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

/** The stream of one thing, which its path names. */
function eventsOfOne(
  { id, summary, scope, rate, path, input }: typeof commandEventsStream | typeof runEventsStream,
  tag: string,
  description: string,
) {
  const [, named = ''] = /\{(\w+)\}/.exec(path) ?? []
  const properties = Object.entries(input.properties as unknown as Record<string, Schema>)
  return {
    get: {
      operationId: id,
      summary,
      description,
      tags: [tag],
      'x-required-scope': scope,
      'x-rate-limit-bucket': rate,
      parameters: [
        ...properties
          .filter(([name]) => name === named)
          .map(([name, schema]) => ({ name, in: 'path', required: true, schema })),
        ...properties.filter(([name]) => name !== named).map(queryParameter),
        lastEventId,
      ],
      responses: {
        200: { description: 'Events as they happen: `event` is the type, `id` the cursor, `data` JSON', content },
        204: { description: 'Nothing follows; no body' },
        ...refused([...refusals, 404]),
      },
    },
  }
}

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
  [commandEventsStream.path]: eventsOfOne(
    commandEventsStream,
    'commands',
    "The command's own events as in `GET /v1/events/stream`; `seq` in their data counts them. After the one that tells of its end comes `stream.ended`. 204: the command has ended, and there is nothing after `last_event_id`.",
  ),
  [runEventsStream.path]: eventsOfOne(
    runEventsStream,
    'runs',
    "The run's own events as in `GET /v1/events/stream`; `seq` in their data counts them. After the one that tells of its end comes `stream.ended`. 204: the run has ended, and there is nothing after `last_event_id`.",
  ),
}
