import { keysCreate, keysGet, keysList, keysRevoke, keysRotate, keysUpdate, ticketsCreate } from './auth.ts'
import { devicesDelete, devicesGet, devicesList, devicesPut, devicesUpdate } from './devices.ts'
import { eventsList, tracesGet } from './events.ts'
import type { InputOf, Operation, OutputOf } from './operation.ts'
import {
  framesBatch,
  framesSend,
  retentionGet,
  retentionPut,
  telemetryDelete,
  telemetryLatest,
  telemetryMetrics,
  telemetryQuery,
  telemetryTags,
} from './telemetry.ts'
import {
  webhooksDeliveriesGet,
  webhooksDeliveriesList,
  webhooksDeliveriesRedeliver,
  webhooksSecretGet,
  webhooksSecretRotate,
  webhooksTest,
} from './webhooks.ts'

/** Every operation of Nexus, by id: the single source of routes, documents and clients. */
export const operations = {
  'telemetry.frames.send': framesSend,
  'telemetry.frames.batch': framesBatch,
  'telemetry.query': telemetryQuery,
  'telemetry.latest': telemetryLatest,
  'telemetry.metrics': telemetryMetrics,
  'telemetry.tags': telemetryTags,
  'telemetry.data.delete': telemetryDelete,
  'telemetry.retention.get': retentionGet,
  'telemetry.retention.put': retentionPut,
  'devices.list': devicesList,
  'devices.get': devicesGet,
  'devices.put': devicesPut,
  'devices.update': devicesUpdate,
  'devices.delete': devicesDelete,
  'auth.keys.create': keysCreate,
  'auth.keys.list': keysList,
  'auth.keys.get': keysGet,
  'auth.keys.update': keysUpdate,
  'auth.keys.revoke': keysRevoke,
  'auth.keys.rotate': keysRotate,
  'auth.tickets.create': ticketsCreate,
  'events.list': eventsList,
  'traces.get': tracesGet,
  'webhooks.secret.get': webhooksSecretGet,
  'webhooks.secret.rotate': webhooksSecretRotate,
  'webhooks.test': webhooksTest,
  'webhooks.deliveries.list': webhooksDeliveriesList,
  'webhooks.deliveries.get': webhooksDeliveriesGet,
  'webhooks.deliveries.redeliver': webhooksDeliveriesRedeliver,
} as const satisfies Record<string, Operation>

export type Operations = typeof operations
export type OperationId = keyof Operations
export type Input<Id extends OperationId> = InputOf<Operations[Id]>
export type Output<Id extends OperationId> = OutputOf<Operations[Id]>
