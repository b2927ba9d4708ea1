import { keysCreate, keysGet, keysList, keysRevoke, keysRotate, keysUpdate, ticketsCreate } from './auth.ts'
import { definitionsDelete, definitionsGet, definitionsList, definitionsPut } from './command-definitions.ts'
import {
  commandsApprove,
  commandsCancel,
  commandsExecute,
  commandsGet,
  commandsList,
  commandsPause,
  commandsReject,
  commandsResume,
  commandsRetry,
} from './commands.ts'
import { devicesDelete, devicesGet, devicesList, devicesPut, devicesUpdate } from './devices.ts'
import { eventsList, tracesGet } from './events.ts'
import {
  commandLogsList,
  commandsLease,
  executionsAck,
  executionsList,
  executionsLogs,
  executionsProgress,
  executionsResult,
} from './executions.ts'
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
  'commands.execute': commandsExecute,
  'commands.list': commandsList,
  'commands.get': commandsGet,
  'commands.executions.list': executionsList,
  'commands.logs.list': commandLogsList,
  'commands.cancel': commandsCancel,
  'commands.retry': commandsRetry,
  'commands.approve': commandsApprove,
  'commands.reject': commandsReject,
  'commands.pause': commandsPause,
  'commands.resume': commandsResume,
  'commands.definitions.list': definitionsList,
  'commands.definitions.get': definitionsGet,
  'commands.definitions.put': definitionsPut,
  'commands.definitions.delete': definitionsDelete,
  'commands.lease': commandsLease,
  'executions.ack': executionsAck,
  'executions.progress': executionsProgress,
  'executions.logs': executionsLogs,
  'executions.result': executionsResult,
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
