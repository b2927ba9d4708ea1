import Type, { type Static } from 'typebox'
import { operation } from './operation.ts'
import { Cursor, Id, PageLimit, Timestamp, Warning } from './shapes.ts'

/** Bounds of what a client may send; each is named in the error that it causes. */
export const telemetryLimits = {
  frameBytesMax: 64 * 1024,
  metricsMax: 256,
  /** Metrics and the readings inside of their objects and arrays, in one frame. */
  pointsMax: 1024,
  /** Warnings listed of one frame, and of one batch. */
  frameWarningsListed: 20,
  batchWarningsListed: 100,
  tagsMax: 32,
  keyLengthMax: 128,
  stringBytesMax: 8 * 1024,
  depthMax: 8,
  batchFramesMax: 10_000,
  batchBytesMax: 16 * 1024 * 1024,
  batchErrorsListed: 100,
  queryBucketsMax: 11_000,
  queryGroupsMax: 100,
  rawRowsMax: 10_000,
} as const

/** Names of metrics and keys of tags and metadata: at most `keyLengthMax` characters. */
export const keyPattern = '^[A-Za-z_][\\w.\\-/]{0,127}$'

export const metricTypes = ['number', 'boolean', 'string', 'array', 'object'] as const
export type MetricType = (typeof metricTypes)[number]

export const aggregations = [
  'avg',
  'min',
  'max',
  'sum',
  'count',
  'first',
  'last',
  'p50',
  'p90',
  'p95',
  'p99',
  'stddev',
  'rate',
  'delta',
  'distinct',
] as const
export const Aggregation = Type.Enum(aggregations)
export type Aggregation = Static<typeof Aggregation>

const record = (value: ReturnType<typeof Type.Unknown> | ReturnType<typeof Type.String>, max: number, min = 0) =>
  Type.Record(Type.String({ pattern: keyPattern }), value, {
    minProperties: min,
    maxProperties: max,
    additionalProperties: false,
  })

export const Tags = Type.Unsafe<Record<string, string>>(
  record(Type.String({ maxLength: telemetryLimits.stringBytesMax }), telemetryLimits.tagsMax),
)
export const Metadata = Type.Unsafe<Record<string, unknown>>(record(Type.Unknown(), telemetryLimits.tagsMax))

/** What one device measured at one instant (specification, "Send Telemetry Frame"). */
export const Frame = Type.Object(
  {
    device_id: Id,
    timestamp: Type.Optional(
      Type.Union([Timestamp, Type.Number({ minimum: 0 })], {
        description:
          'ISO 8601 with an offset, or the epoch by magnitude: below 5e9 seconds, below 5e12 milliseconds, below 5e15 microseconds, else nanoseconds. Kept to the microsecond. Missing: the moment of receipt.',
      }),
    ),
    metrics: Type.Unsafe<Record<string, unknown>>(record(Type.Unknown(), telemetryLimits.metricsMax, 1)),
    tags: Type.Optional(Tags),
    metadata: Type.Optional(Metadata),
    frame_id: Type.Optional({
      ...Id,
      description:
        'A name given by the client, without blanks and control characters: a repeat is answered as a duplicate',
    }),
  },
  { additionalProperties: false },
)
export type Frame = Static<typeof Frame>

/** `durable` answers once the frame is fsynced; `memory` answers at once and may lose it in a crash. */
const Ack = Type.Optional(Type.Enum(['durable', 'memory'], { default: 'durable' }))

export const FrameReceipt = Type.Object({
  success: Type.Literal(true),
  frame_id: Id,
  received_at: Timestamp,
  duplicate: Type.Optional(Type.Literal(true)),
  warnings: Type.Optional(Type.Array(Warning)),
})
export type FrameReceipt = Static<typeof FrameReceipt>

export const framesSend = operation({
  id: 'telemetry.frames.send',
  summary: 'Send a telemetry frame',
  effect: 'append',
  scope: 'telemetry:write',
  rate: 'telemetry',
  http: 'POST /v1/telemetry/frames',
  status: 201,
  idempotent: true,
  input: Type.Object({ ...Frame.properties, ack: Ack }, { additionalProperties: false }),
  output: FrameReceipt,
  errors: ['CONFLICT', 'SERVICE_UNAVAILABLE'],
})

const BatchResult = Type.Union([
  Type.Object({
    index: Type.Integer(),
    frame_id: Id,
    duplicate: Type.Optional(Type.Literal(true)),
    warnings: Type.Optional(Type.Array(Warning)),
  }),
  Type.Object({
    index: Type.Integer(),
    error: Type.Object({ code: Type.String(), field: Type.String(), issue: Type.String() }),
  }),
])

export const BatchReceipt = Type.Object({
  accepted: Type.Integer(),
  rejected: Type.Integer(),
  results: Type.Array(BatchResult, {
    description: 'One entry a frame; of the rejected ones the first hundred are listed, `rejected` counts all',
  }),
})
export type BatchReceipt = Static<typeof BatchReceipt>

export const framesBatch = operation({
  id: 'telemetry.frames.batch',
  summary: 'Send many telemetry frames in one request',
  description:
    'Takes `{"frames": [...]}`, a JSON array, or NDJSON (`application/x-ndjson`); gzip, deflate and zstd. 201: all accepted; 207: some rejected; 400: none accepted.',
  effect: 'append',
  scope: 'telemetry:write',
  rate: 'telemetry',
  http: 'POST /v1/telemetry/frames/batch',
  status: 201,
  idempotent: true,
  bodyBytesMax: telemetryLimits.batchBytesMax,
  input: Type.Object(
    { frames: Type.Array(Frame, { minItems: 1, maxItems: telemetryLimits.batchFramesMax }), ack: Ack },
    { additionalProperties: false },
  ),
  output: BatchReceipt,
  errors: ['CONFLICT', 'SERVICE_UNAVAILABLE'],
})

const list = (description: string) =>
  Type.Union(
    [
      Type.String({ minLength: 1, maxLength: 32_768 }),
      Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { minItems: 1, maxItems: 1000 }),
    ],
    {
      description: `${description}; comma-separated, a backslash escapes; in an array entries stand as they are`,
    },
  )

const DeviceList = list('A device, or several')
const MetricList = list('Metrics; missing: all')
export const TagFilter = Type.String({
  minLength: 1,
  maxLength: 4096,
  description:
    'Comma-separated, all must match: `k:v`, `k:v1|v2` either, `!k:v` not, `k:*` exists, `k:pre*` prefix; backslash escapes',
})

export const QueryInput = Type.Object(
  {
    device_id: Type.Optional(DeviceList),
    start_time: Type.Union([Timestamp, Type.Number({ minimum: 0 })], { description: 'Inclusive' }),
    end_time: Type.Union([Timestamp, Type.Number({ minimum: 0 })], { description: 'Exclusive' }),
    metrics: Type.Optional(MetricList),
    tags: Type.Optional(TagFilter),
    aggregation: Type.Optional(Aggregation),
    interval: Type.Optional(
      Type.String({
        pattern: '^(auto|[1-9]\\d{0,4}(ms|s|m|h|d|w|mo|q|y))$',
        description:
          'A number and one of ms, s, m, h, d, w, mo, q, y, as in `5m`, or `auto`; up to hours aligned to the epoch, days and longer to the calendar in `tz`',
      }),
    ),
    max_points: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: telemetryLimits.queryBucketsMax,
        default: 500,
        description: 'For `interval=auto`',
      }),
    ),
    tz: Type.Optional(Type.String({ minLength: 1, maxLength: 64, default: 'UTC', description: 'An IANA time zone' })),
    group_by: Type.Optional(list('`device_id` and `tag.<key>`')),
    fill: Type.Optional(Type.Enum(['none', 'null', 'previous', 'linear', '0'], { default: 'none' })),
    resolution: Type.Optional(Type.Enum(['auto', 'raw'], { default: 'auto' })),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: telemetryLimits.rawRowsMax, default: 1000, description: 'Of raw rows' }),
    ),
    cursor: Type.Optional(Cursor),
    order: Type.Optional(Type.Enum(['asc', 'desc'], { default: 'asc' })),
  },
  { additionalProperties: false },
)
export type QueryInput = Static<typeof QueryInput>

/** A flat row: `timestamp`, the columns of `group_by`, and one column a metric; `null` means no reading. */
export const QueryRow = Type.Unsafe<{ timestamp: string; [column: string]: unknown }>(
  Type.Object({ timestamp: Timestamp }, { additionalProperties: true }),
)

export const QueryOutput = Type.Object({
  query: Type.Unsafe<Record<string, unknown>>(
    Type.Object({}, { additionalProperties: true, description: 'The query as it was understood' }),
  ),
  data: Type.Array(QueryRow),
  total_points: Type.Integer({ description: 'Rows in `data`' }),
  warnings: Type.Optional(Type.Array(Warning)),
  next_cursor: Type.Optional(Type.Union([Cursor, Type.Null()])),
})
export type QueryOutput = Static<typeof QueryOutput>

const reading = { effect: 'read', scope: 'telemetry:read', rate: 'telemetry' } as const

export const telemetryQuery = operation({
  ...reading,
  id: 'telemetry.query',
  summary: 'Query telemetry data',
  http: ['GET /v1/telemetry/query', 'POST /v1/telemetry/query'],
  alternatives: ['text/csv', 'application/x-ndjson'],
  input: QueryInput,
  output: QueryOutput,
  errors: ['VALIDATION_ERROR', 'TIMEOUT'],
})

export const telemetryLatest = operation({
  ...reading,
  id: 'telemetry.latest',
  summary: 'Get the last value of every metric',
  description:
    'By device, in the order of their ids. A page holds at most `limit` devices and 10,000 values; a device with more is continued on the next page.',
  http: 'GET /v1/telemetry/latest',
  input: Type.Object(
    {
      device_id: Type.Optional(DeviceList),
      tags: Type.Optional(TagFilter),
      metrics: Type.Optional(MetricList),
      cursor: Type.Optional(Cursor),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Devices a page' })),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({
    devices: Type.Array(
      Type.Object({
        device_id: Id,
        tags: Type.Unsafe<Record<string, string>>(Type.Object({}, { additionalProperties: Type.String() })),
        metadata: Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true })),
        metrics: Type.Unsafe<Record<string, { value: unknown; type: MetricType; timestamp: string }>>(
          Type.Object({}, { additionalProperties: true }),
        ),
      }),
    ),
    next_cursor: Type.Union([Cursor, Type.Null()]),
  }),
  errors: ['VALIDATION_ERROR'],
})

export const telemetryMetrics = operation({
  ...reading,
  id: 'telemetry.metrics',
  summary: 'List the metrics that were ever received',
  http: 'GET /v1/telemetry/metrics',
  input: Type.Object(
    {
      device_id: Type.Optional(DeviceList),
      prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
      cursor: Type.Optional(Cursor),
      limit: Type.Optional(PageLimit),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({
    metrics: Type.Array(
      Type.Object({
        name: Type.String(),
        types: Type.Array(Type.Enum(metricTypes)),
        devices: Type.Integer(),
        first_seen: Timestamp,
        last_seen: Timestamp,
      }),
    ),
    next_cursor: Type.Union([Cursor, Type.Null()]),
  }),
  errors: ['VALIDATION_ERROR'],
})

export const telemetryTags = operation({
  ...reading,
  id: 'telemetry.tags',
  summary: 'List tag keys, or the values of one key',
  http: 'GET /v1/telemetry/tags',
  input: Type.Object(
    {
      key: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'List the values of this key' })),
      cursor: Type.Optional(Cursor),
      limit: Type.Optional(PageLimit),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({
    tags: Type.Array(
      Type.Object({
        key: Type.String(),
        value: Type.Optional(Type.String({ description: 'With `key` in the request' })),
        values: Type.Optional(Type.Integer({ description: 'How many distinct values; without `key` in the request' })),
      }),
    ),
    next_cursor: Type.Union([Cursor, Type.Null()]),
  }),
  errors: ['VALIDATION_ERROR'],
})

export const telemetryDelete = operation({
  id: 'telemetry.data.delete',
  summary: 'Delete the telemetry of a device in a range',
  effect: 'append',
  scope: 'admin',
  rate: 'telemetry',
  http: 'DELETE /v1/telemetry/data',
  input: Type.Object(
    {
      device_id: Id,
      start_time: QueryInput.properties.start_time,
      end_time: QueryInput.properties.end_time,
      metrics: Type.Optional(MetricList),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({ deleted_points: Type.Integer() }),
  errors: ['VALIDATION_ERROR', 'TIMEOUT'],
})

/** How long points are kept, by metric; the first policy that matches a metric decides. None: everything is kept. */
export const Retention = Type.Object(
  {
    policies: Type.Array(
      Type.Object(
        {
          metrics: Type.String({
            minLength: 1,
            maxLength: 128,
            pattern: '^[\\w.\\-/*]+$',
            description: 'A metric name, in which `*` stands for any characters: letters, digits and _ . - / *',
          }),
          keep: Type.String({
            pattern: '^[1-9]\\d{0,4}(h|d|w|mo|y)$',
            description: 'A number and one of h, d, w, mo, y, as in `30d`',
          }),
        },
        { additionalProperties: false },
      ),
      { maxItems: 100 },
    ),
  },
  { additionalProperties: false },
)
export type Retention = Static<typeof Retention>

export const retentionGet = operation({
  id: 'telemetry.retention.get',
  summary: 'Get the retention policies',
  effect: 'read',
  scope: 'admin',
  rate: 'other',
  http: 'GET /v1/telemetry/retention',
  input: Type.Object({}, { additionalProperties: false }),
  output: Retention,
})

export const retentionPut = operation({
  id: 'telemetry.retention.put',
  summary: 'Replace the retention policies',
  effect: 'write',
  scope: 'admin',
  rate: 'other',
  http: 'PUT /v1/telemetry/retention',
  input: Retention,
  output: Retention,
})
