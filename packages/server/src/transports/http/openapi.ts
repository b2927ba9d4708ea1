import type { ErrorCode, HttpMethod, HttpRoute, Operation } from '@nexus/contract'
import { commonErrors, errorTable } from '@nexus/contract'
import type { TSchema } from 'typebox'
import { openApiComponents } from './openapi-components.ts'
import { type OperationNotes, operationNotes } from './openapi-notes.ts'
import { probePaths } from './openapi-probes.ts'
import { streamPaths } from './openapi-streams.ts'

type Json = Record<string, unknown>

export interface OpenApiOptions {
  version: string
  /** Where the server answers, such as `http://127.0.0.1:8420`, or `/` for wherever the document came from. */
  serverUrl: string
}

/**
 * The OpenAPI 3.1 document of the operations: plain JSON, in a stable order. The first route of an operation has the
 * operation's id; further routes add their method, as in `telemetry.query.post`.
 */
export function openApiDocument(operations: readonly Operation[], options: OpenApiOptions): Json {
  const paths: Record<string, Json> = {}
  const schemas: Json = {}
  for (const operation of operations) {
    for (const [index, route] of operation.http.entries()) {
      const { method, path } = splitRoute(route)
      paths[path] ??= {}
      paths[path][method.toLowerCase()] = pathOperation(operation, method, path, { canonical: index === 0, schemas })
    }
  }
  const rooms = [...new Set(operations.map(roomOf))]
  return plainJson({
    openapi: '3.1.0',
    info: {
      title: 'Nexus API',
      summary: 'A self-hosted control plane: telemetry, commands, tasks, AI agents and events.',
      version: options.version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.serverUrl }],
    security: [{ apiKey: [] }],
    tags: [...rooms, 'server'].map((name) => ({ name, description: tagDescription(name) })),
    paths: { ...paths, ...streamPaths, ...probePaths },
    components: openApiComponents(operations, schemas, statusOf),
  })
}

interface Place {
  canonical: boolean
  /** Named schemas, collected for the components. */
  schemas: Json
}

function pathOperation(operation: Operation, method: HttpMethod, path: string, { canonical, schemas }: Place): Json {
  const names = pathParameterNames(path)
  const inQuery = method === 'GET' || method === 'DELETE'
  const fields = Object.entries(propertiesOf(operation.input))
  const parameters: Json[] = names.map((name) => parameter(name, 'path', operation.input))
  if (inQuery) {
    const rest = fields.filter(([name]) => !names.includes(name))
    parameters.push(...rest.map(([name]) => parameter(name, 'query', operation.input)))
  }
  if (operation.idempotent) parameters.push({ $ref: '#/components/parameters/IdempotencyKey' })
  const notes: OperationNotes = operationNotes[operation.id] ?? {}
  parameters.push(...(notes.parameters ?? []))
  const hasBody = !inQuery && fields.length > names.length
  return {
    operationId: canonical ? operation.id : `${operation.id}.${method.toLowerCase()}`,
    summary: operation.summary,
    ...(operation.description && { description: operation.description }),
    tags: [roomOf(operation)],
    'x-required-scope': operation.scope,
    'x-rate-limit-bucket': operation.rate,
    ...(parameters.length > 0 && { parameters }),
    ...(hasBody && { requestBody: requestBody(operation, names, notes, schemas) }),
    responses: {
      ...successResponses(operation, notes, schemas),
      ...errorResponses(operation, hasBody),
      ...notes.responses,
    },
  }
}

function requestBody(operation: Operation, pathNames: string[], notes: OperationNotes, schemas: Json): Json {
  const schema = bodySchema(operation.input, pathNames)
  const ref = named(schemas, operation, 'Body', schema)
  return {
    required: 'required' in schema,
    description: `At most ${operation.bodyBytesMax.toLocaleString('en')} bytes.`,
    content: {
      'application/json': { schema: notes.bodyAlternative ? { anyOf: [ref, notes.bodyAlternative] } : ref },
      ...notes.requestContent,
    },
  }
}

/** Puts a schema among the components, as in `AuthKeysCreateBody`, and refers to it. */
function named(schemas: Json, operation: Operation, kind: 'Body' | 'Output', schema: unknown): Json {
  const name = operation.id.replaceAll(/(^|\.)(\w)/g, (_, _dot, letter: string) => letter.toUpperCase()) + kind
  schemas[name] = schema
  return { $ref: `#/components/schemas/${name}` }
}

/** The input without what the path already says. */
function bodySchema(input: TSchema, pathNames: string[]): Json {
  const { properties, required, ...rest } = input as unknown as { properties: Json; required?: string[] }
  const needed = required?.filter((name) => !pathNames.includes(name)) ?? []
  const own = Object.fromEntries(Object.entries(properties).filter(([name]) => !pathNames.includes(name)))
  return { ...rest, ...(needed.length > 0 && { required: needed }), properties: own }
}

function parameter(name: string, place: 'path' | 'query', input: TSchema): Json {
  const { description, ...schema } = propertiesOf(input)[name] as Json
  const listed = place === 'query' && Array.isArray(schema.anyOf) && schema.anyOf.some((arm) => arm.type === 'array')
  return {
    name,
    in: place,
    required: place === 'path' || ((input as { required?: string[] }).required ?? []).includes(name),
    ...(description !== undefined && { description }),
    ...(listed && { style: 'form', explode: false }),
    schema,
  }
}

function successResponses(operation: Operation, notes: OperationNotes, schemas: Json): Json {
  const headers = {
    'X-Request-Id': { $ref: '#/components/headers/RequestId' },
    'X-RateLimit-Limit': { $ref: '#/components/headers/RateLimitLimit' },
    'X-RateLimit-Remaining': { $ref: '#/components/headers/RateLimitRemaining' },
    'X-RateLimit-Reset': { $ref: '#/components/headers/RateLimitReset' },
  }
  if (operation.status === 204) return { 204: { description: 'Done; no body', headers } }
  const schema = named(schemas, operation, 'Output', operation.output)
  const more = (operation.alternatives ?? []).map((type) => [type, { schema: { type: 'string' } }])
  const content = { 'application/json': { schema }, ...Object.fromEntries(more) }
  return {
    [operation.status]: {
      description: notes.success ?? operation.summary,
      headers: {
        ...headers,
        ...(operation.location !== undefined && { Location: locationHeader }),
        ...(operation.etag !== undefined && { ETag: etagHeader }),
      },
      content,
    },
    ...otherSuccess(operation, headers, content),
  }
}

const etagHeader = { description: 'Its version, for `If-Match`', schema: { type: 'string' } }
const locationHeader = { description: 'Where it is found', schema: { type: 'string' } }

function otherSuccess({ otherSuccess: other }: Operation, headers: Json, content: Json): Json {
  if (!other) return {}
  return other.has === null
    ? { [other.status]: { description: 'There is nothing; no body', headers } }
    : { [other.status]: { description: `With \`${other.has}\``, headers, content } }
}

function errorResponses(operation: Operation, hasBody: boolean): Json {
  const statuses = new Set([...commonErrors, ...operation.errors].map(statusOf))
  if (Object.hasOwn(propertiesOf(operation.input), 'if_match')) statuses.add(412)
  if (operation.alternatives) statuses.add(406)
  if (hasBody) for (const status of [413, 415]) statuses.add(status)
  return Object.fromEntries(
    [...statuses].sort((a, b) => a - b).map((status) => [status, { $ref: `#/components/responses/Error${status}` }]),
  )
}

function statusOf(code: ErrorCode): number {
  return errorTable[code].http
}

function splitRoute(route: HttpRoute): { method: HttpMethod; path: string } {
  const [method, path] = route.split(' ') as [HttpMethod, string]
  return { method, path }
}

function pathParameterNames(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)
}

function propertiesOf(input: TSchema): Record<string, unknown> {
  return (input as { properties?: Record<string, unknown> }).properties ?? {}
}

function roomOf(operation: Operation): string {
  return operation.id.split('.')[0]!
}

function tagDescription(room: string): string {
  return room === 'server' ? 'The server itself; open to all' : `Operations of ${room}`
}

/** Schemas carry hidden members; what JSON cannot say does not belong into the document. */
function plainJson(value: Json): Json {
  return JSON.parse(JSON.stringify(value))
}
